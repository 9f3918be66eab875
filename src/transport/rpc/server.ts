import { cors, createConnectRouter } from "@connectrpc/connect";
import {
  type UniversalHandler,
  universalServerRequestFromFetch,
  universalServerResponseToFetch,
} from "@connectrpc/connect/protocol";
import type { Agents } from "../directory.ts";
import { type CorsOptions, OriginPolicy } from "../http/origin.ts";
import { HttpProblem } from "../http/problem.ts";
import { abortWhenLeft } from "./abort_when_left.ts";
import { answerCall, type CallLimits, libraryLimits, limitsOf } from "./answer_call.ts";
import { gzip } from "./compression.ts";
import type { RpcServerOptions } from "./options.ts";
import { ERRORS_HEADER } from "./proto_error.ts";
import { problemResponse } from "./problem.ts";
import { addRoutes, methodsOf } from "./routes.ts";
import { RpcService } from "./service.ts";

/** Options of {@linkcode rpcHandler}. */
export interface RpcHandlerOptions extends RpcServerOptions {
  /** What all paths begin with, such as `"/api"`. @default {""} */
  readonly basePath?: string | undefined;
  /**
   * Which web pages of other origins may call: `true` for all. Without it a
   * browser's request from another origin is refused with 403. @default {false}
   */
  readonly cors?: CorsOptions | boolean | undefined;
}

/** A web-standard request handler that can be asked how busy it is, and be drained. */
export interface RpcHandler {
  /** Answers a request. Never rejects. */
  (request: Request): Promise<Response>;
  /** How many calls and streams run. */
  readonly inFlight: number;
  /** Whether new calls are refused. */
  readonly draining: boolean;
  /** Refuses new calls from now on and resolves when those that run have ended. */
  drain(): Promise<void>;
}

/**
 * Makes a `(Request) => Promise<Response>` that serves agents over Connect and
 * gRPC-Web, unary and streamed. It runs wherever such handlers do. gRPC itself
 * needs trailers, which no such handler can send: it is answered with 415, see
 * `serveGrpc` for it.
 *
 * Routes: `POST /agenkit.AgentService/Process`, `/ProcessStream` and
 * `/BidirectionalStream`, gRPC's health service and server reflection.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { rpcAgent, rpcHandler } from "@agenkit/agenkit/rpc";
 * import assert from "node:assert/strict";
 *
 * const handler = rpcHandler(agent("echo", (m) => `Echo: ${text(m)}`));
 * const echo = rpcAgent("http://localhost", { fetch: (url, init) => handler(new Request(url, init)) });
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @param agents One agent, several, or a record of them; the first is the default.
 * @throws {TypeError} If there is no agent, or an option is not valid.
 */
export function rpcHandler(agents: Agents, options: RpcHandlerOptions = {}): RpcHandler {
  const server = new RpcServer(agents, options);
  const handler = (request: Request) => server.handle(request);
  return Object.defineProperties(handler, {
    inFlight: { get: () => server.service.inFlight },
    draining: { get: () => server.service.draining },
    drain: { value: () => server.service.drain() },
  }) as RpcHandler;
}

/** What the library leaves out of the headers that gRPC-Web clients send. */
const GRPC_COMPRESSION = ["Grpc-Encoding", "Grpc-Accept-Encoding"];

class RpcServer {
  readonly service: RpcService;
  readonly #origins: OriginPolicy;
  readonly #limits: CallLimits;
  readonly #handlers: ReadonlyMap<string, UniversalHandler>;

  constructor(agents: Agents, options: RpcHandlerOptions) {
    this.service = new RpcService(agents, options);
    this.#origins = new OriginPolicy(options.cors, {
      headers: [...cors.allowedHeaders, ...GRPC_COMPRESSION, ERRORS_HEADER],
      exposed: [...cors.exposedHeaders, "Grpc-Encoding"],
    });
    this.#limits = limitsOf("serve over RPC", options);
    const router = createConnectRouter({
      grpc: false,
      acceptCompression: [gzip],
      ...libraryLimits(this.#limits),
    });
    addRoutes(router, methodsOf(this.service, options.reflection ?? true));
    const basePath = `/${options.basePath ?? ""}`.replace(/\/+/g, "/").replace(/\/$/, "");
    this.#handlers = new Map(
      router.handlers.map((handler) => [basePath + handler.requestPath, handler]),
    );
  }

  async handle(request: Request): Promise<Response> {
    let response: Response;
    try {
      response = await this.#route(request);
    } catch (thrown) {
      response = problemResponse(
        thrown instanceof HttpProblem ? thrown : new HttpProblem(500, "internal", String(thrown)),
      );
    }
    return this.#origins.enabled ? this.#origins.decorate(request, response) : response;
  }

  async #route(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const handler = this.#handlers.get(pathname);
    if (handler === undefined) {
      throw new HttpProblem(
        404,
        "unimplemented",
        `There is no method ${pathname} here: expected one of ${
          [...this.#handlers.keys()].join(", ")
        }`,
      );
    }
    if (request.method === "OPTIONS" && this.#origins.enabled) {
      return this.#origins.preflight("POST");
    }
    this.#origins.check(request);
    if (!handler.allowedMethods.includes(request.method)) {
      throw new HttpProblem(405, "unimplemented", `Cannot ${request.method} here: expected POST`, {
        allow: "POST",
      });
    }
    checkContentType(request, handler);
    const call = universalServerRequestFromFetch(request, {});
    const answer = handler.method.methodKind === "unary"
      ? answerCall(handler, call, this.#limits)
      : abortWhenLeft(call, (linked) => answerCall(handler, linked, this.#limits));
    return universalServerResponseToFetch(await answer);
  }
}

function checkContentType(request: Request, handler: UniversalHandler): void {
  const type = request.headers.get("content-type") ?? "";
  if (handler.supportedContentType(type)) return;
  throw new HttpProblem(
    415,
    "invalid_argument",
    type.startsWith("application/grpc") && !type.startsWith("application/grpc-web")
      ? `This endpoint does not speak gRPC, which needs trailers: got ${type}. Use gRPC-Web or ` +
        "Connect here, or a gRPC listener"
      : "Cannot read the body: expected application/proto or application/json (Connect), " +
        "application/connect+proto or +json (Connect streams) or application/grpc-web, got " +
        (type === "" ? "no content type" : type),
  );
}
