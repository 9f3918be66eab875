import type { Agents } from "../transport/directory.ts";
import type { HttpHandlerOptions } from "../transport/http/options.ts";
import type { HttpHandler } from "../transport/http/server.ts";
import type { RpcHandler } from "../transport/rpc/server.ts";

/** The paths of RPCs: those of agents, and gRPC's own health service and reflection. */
const RPC_PATH =
  /\/(?:agenkit\.AgentService|grpc\.health\.v1\.Health|grpc\.reflection\.v1\.ServerReflection)\/\w+(?:$|[?#])/;

/**
 * Lets a handler answer Connect and gRPC-Web too. What that needs is loaded
 * with the first such request.
 */
export function withRpc(
  http: HttpHandler,
  agents: Agents,
  options: HttpHandlerOptions,
): HttpHandler {
  let rpc: RpcHandler | undefined;
  let loading: Promise<RpcHandler> | undefined;
  const load = async () => {
    const { rpcHandler } = await import("../transport/rpc/server.ts");
    rpc = rpcHandler(agents, options);
    if (http.draining) void rpc.drain();
    return rpc;
  };
  const handler = (request: Request): Promise<Response> => {
    if (!RPC_PATH.test(request.url)) return http(request);
    if (rpc !== undefined) return rpc(request);
    return (loading ??= load()).then((loaded) => loaded(request));
  };
  return Object.defineProperties(handler, {
    inFlight: { get: () => http.inFlight + (rpc?.inFlight ?? 0) },
    draining: { get: () => http.draining },
    drain: {
      value: async () => {
        // What is being loaded has a request that waits for it.
        const begun = http.drain();
        await Promise.all([begun, loading?.then((loaded) => loaded.drain())]);
      },
    },
    close: { value: () => http.close() },
  }) as HttpHandler;
}
