import { AgenkitError } from "../core/errors.ts";
import type { Agents } from "../transport/directory.ts";
import type { GrpcHandler } from "../transport/grpc/handler.ts";
import type { GrpcServer } from "../transport/grpc/server.ts";
import type { Companion } from "./companion.ts";
import type { GrpcListenOptions, ServeOptions } from "./options.ts";

/** Starts the gRPC listener of a server, with what its HTTP one was given. */
export async function listenGrpc(
  agents: Agents,
  options: ServeOptions,
  where: GrpcListenOptions | true,
): Promise<GrpcServer> {
  const { serveGrpc } = await loaded();
  const { port, hostname } = where === true ? {} as GrpcListenOptions : where;
  const { signal: _, ...shared } = options;
  return serveGrpc(agents, {
    ...shared,
    port: port ?? 50_051,
    hostname: hostname ?? options.hostname,
  });
}

/**
 * The handler for gRPC at the port of HTTP, as a companion whose calls are
 * counted and drained with the others.
 */
export async function shareGrpc(
  agents: Agents,
  options: ServeOptions,
): Promise<{ handler: GrpcHandler; companion(url: string): Companion }> {
  if (options.http3) {
    throw new TypeError(
      "Cannot serve gRPC at the port of HTTP together with 'http3': give 'grpc' a port of its own",
    );
  }
  const { grpcHandler } = await loaded();
  const handler = grpcHandler(agents, options);
  return {
    handler,
    companion: (url) => ({
      url: url.replace(/^http/, "grpc"),
      get inFlight() {
        return handler.inFlight;
      },
      drain: () => handler.drain(),
      // Its connections are those of the listener.
      close: () => Promise.resolve(void handler.drain()),
    }),
  };
}

async function loaded() {
  try {
    const [server, handler] = await Promise.all([
      import("../transport/grpc/server.ts"),
      import("../transport/grpc/handler.ts"),
    ]);
    return { ...server, ...handler };
  } catch (cause) {
    throw new AgenkitError("unimplemented", "Cannot serve gRPC: this runtime has no node:http2", {
      cause,
    });
  }
}
