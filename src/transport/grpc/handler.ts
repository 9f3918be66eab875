import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { contentTypeRegExp } from "@connectrpc/connect/protocol-grpc";
import type { Agents } from "../directory.ts";
import { answerCall, type CallLimits, libraryLimits, limitsOf } from "../rpc/answer_call.ts";
import type { RpcServerOptions } from "../rpc/options.ts";
import { addRoutes, methodsOf } from "../rpc/routes.ts";
import { RpcService } from "../rpc/service.ts";
import { gzip } from "./compression.ts";
import { type GrpcMethod, grpcMethod } from "./method.ts";
import { ServerCall } from "./server_call.ts";
import { encodeStatusText } from "./status.ts";

/** A request of `node:http2`, or of `node:http`. */
export type GrpcRequest = IncomingMessage | Http2ServerRequest;

/** What it is answered with. */
export type GrpcResponse = ServerResponse | Http2ServerResponse;

/** A handler of `node:http2` (or `node:http`) that can be asked how busy it is, and be drained. */
export interface GrpcHandler {
  /** Answers a request. Never throws. */
  (request: GrpcRequest, response: GrpcResponse): void;
  /** Whether a path belongs to one of its methods. */
  serves(path: string): boolean;
  /** How many calls and streams run. */
  readonly inFlight: number;
  /** Whether new calls are refused. */
  readonly draining: boolean;
  /** Refuses new calls from now on and resolves when those that run have ended. */
  drain(): Promise<void>;
}

/**
 * Makes a request handler for servers of `node:http2` that serves agents over
 * gRPC, and over gRPC-Web and Connect besides. A server of `node:http` can
 * carry only the latter two.
 *
 * @param agents One agent, several, or a record of them; the first is the default.
 * @throws {TypeError} If there is no agent, or an option is not valid.
 */
export function grpcHandler(agents: Agents, options: RpcServerOptions = {}): GrpcHandler {
  const service = new RpcService(agents, options);
  const limits = limitsOf("serve over gRPC", options);
  const methods = methodsOf(service, options.reflection ?? true);
  const grpc = new Map<string, GrpcMethod>(methods.map((spec) => {
    const method = grpcMethod(spec, limits);
    return [method.path, method];
  }));
  const router = createConnectRouter({
    grpc: false,
    acceptCompression: [gzip],
    ...libraryLimits(limits),
  });
  addRoutes(router, methods);
  const others = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  const handle = (request: GrpcRequest, either: GrpcResponse): void => {
    // What both have in common is written the same, but typed as two.
    const response = either as ServerResponse;
    const path = pathOf(request.url);
    const method = grpc.get(path);
    if (method === undefined) return refuse(request, response);
    if (isGrpc(request)) {
      return new ServerCall(method, request, response, limits).answer();
    }
    respond(others.get(path)!, request, response, limits).catch(() => {
      // The client is gone, or the answer broke on its way: there is nobody to tell.
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
  return Object.defineProperties(handle, {
    serves: { value: (path: string) => grpc.has(pathOf(path)) },
    inFlight: { get: () => service.inFlight },
    draining: { get: () => service.draining },
    drain: { value: () => service.drain() },
  }) as GrpcHandler;
}

function isGrpc(request: GrpcRequest): request is Http2ServerRequest {
  return "stream" in request && request.method === "POST" &&
    contentTypeRegExp.test(request.headers["content-type"] ?? "");
}

/** Loaded by the first call that needs it, and then at hand. */
let adapter: Promise<typeof import("@connectrpc/connect-node")> | undefined;

/** Answers over gRPC-Web or Connect. */
async function respond(
  method: UniversalHandler,
  request: GrpcRequest,
  response: ServerResponse,
  limits: CallLimits,
): Promise<void> {
  adapter ??= import("@connectrpc/connect-node");
  const { universalRequestFromNodeRequest, universalResponseToNodeResponse } = await adapter;
  const call = universalRequestFromNodeRequest(request, response, undefined, undefined);
  await universalResponseToNodeResponse(await answerCall(method, call, limits), response);
}

/** A method that is not here. gRPC clients read the status from headers, whatever HTTP says. */
function refuse(request: GrpcRequest, response: ServerResponse): void {
  const text = `There is no method ${pathOf(request.url)} here`;
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc")) {
    response.writeHead(200, { "content-type": type });
    response.addTrailers({ "grpc-status": "12", "grpc-message": encodeStatusText(text) });
    response.end();
  } else {
    response.writeHead(404, { "content-type": "application/json" });
    response.end(JSON.stringify({ code: "unimplemented", message: text }));
  }
}

function pathOf(url: string | undefined): string {
  return (url ?? "").split("?", 1)[0]!;
}
