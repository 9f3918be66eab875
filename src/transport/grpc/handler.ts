import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { createConnectRouter } from "@connectrpc/connect";
import {
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import type { Agents } from "../directory.ts";
import { limitsOf } from "../rpc/answer_call.ts";
import type { RpcServerOptions } from "../rpc/options.ts";
import { addRoutes } from "../rpc/routes.ts";
import { RpcService } from "../rpc/service.ts";

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
  const { answer, ...limits } = limitsOf("serve over gRPC", options);
  const router = createConnectRouter({ acceptCompression: [compressionGzip], ...limits });
  addRoutes(router, service, options.reflection ?? true);
  const methods = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  const handle = (request: GrpcRequest, either: GrpcResponse): void => {
    // What both have in common is written the same, but typed as two.
    const response = either as ServerResponse;
    const method = methods.get(pathOf(request.url));
    if (method === undefined) return refuse(request, response);
    respond(request, response, (call) => answer(method, call)).catch(() => {
      // The client is gone, or the answer broke on its way: there is nobody to tell.
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  };
  return Object.defineProperties(handle, {
    serves: { value: (path: string) => methods.has(pathOf(path)) },
    inFlight: { get: () => service.inFlight },
    draining: { get: () => service.draining },
    drain: { value: () => service.drain() },
  }) as GrpcHandler;
}

async function respond(
  request: GrpcRequest,
  response: ServerResponse,
  answer: (call: UniversalServerRequest) => Promise<UniversalServerResponse>,
): Promise<void> {
  const call = universalRequestFromNodeRequest(request, response, undefined, undefined);
  await universalResponseToNodeResponse(withPlainText(await answer(call)), response);
}

/**
 * The library encodes more of a status' text than gRPC asks for, and some
 * clients decode only what gRPC asks for.
 */
function withPlainText(response: UniversalServerResponse): UniversalServerResponse {
  const { body, trailer } = response;
  if (body === undefined || trailer === undefined) return response;
  const iterator = body[Symbol.asyncIterator]();
  const plain: AsyncIterator<Uint8Array> = {
    async next() {
      const result = await iterator.next();
      if (result.done) {
        const text = trailer.get(GRPC_MESSAGE);
        if (text !== null) trailer.set(GRPC_MESSAGE, encodeStatusText(decodeURIComponent(text)));
      }
      return result;
    },
  };
  if (iterator.return) plain.return = (value) => iterator.return!(value);
  if (iterator.throw) plain.throw = (error) => iterator.throw!(error);
  return { ...response, body: { [Symbol.asyncIterator]: () => plain } };
}

const GRPC_MESSAGE = "grpc-message";

/** Encodes what is not printable ASCII, and the percent sign. */
function encodeStatusText(text: string): string {
  return text.replace(/[^ -$&-~]+/g, encodeURIComponent);
}

/** A method that is not here. gRPC clients read the status from headers, whatever HTTP says. */
function refuse(request: GrpcRequest, response: ServerResponse): void {
  const text = `There is no method ${pathOf(request.url)} here`;
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc")) {
    response.writeHead(200, { "content-type": type });
    response.addTrailers({ "grpc-status": "12", [GRPC_MESSAGE]: encodeStatusText(text) });
    response.end();
  } else {
    response.writeHead(404, { "content-type": "application/json" });
    response.end(JSON.stringify({ code: "unimplemented", message: text }));
  }
}

function pathOf(url: string | undefined): string {
  return (url ?? "").split("?", 1)[0]!;
}
