/**
 * The entry of a Cloudflare Worker: agents behind the `fetch` that Workers
 * call. It has no listener, so nothing here needs more than web APIs.
 *
 * @module
 */
import type { Agents } from "../transport/directory.ts";
import type { HttpHandlerOptions } from "../transport/http/options.ts";
import { httpHandler } from "../transport/http/server.ts";
import type { FetchHandler } from "./listener.ts";
import { withRpc } from "./rpc.ts";
import { webSocketOf, type WithWebSocket } from "./websocket.ts";
import { withWebSocket } from "./workers_websocket.ts";

/** What a Worker's module exports by default. */
export interface Worker<Env> {
  /** Answers a request. */
  fetch(request: Request, env: Env): Promise<Response>;
}

/** Options of {@linkcode worker}: all that the handler takes. */
export interface WorkerOptions extends HttpHandlerOptions, WithWebSocket {
  /** Whether Connect and gRPC-Web are answered too. @default {true} */
  readonly rpc?: boolean | undefined;
}

/**
 * Serves agents from a Cloudflare Worker.
 *
 * @example
 * ```ts
 * import { agent, text } from "@agenkit/agenkit";
 * import { worker } from "@agenkit/agenkit/workers";
 * import assert from "node:assert/strict";
 *
 * // In a Worker: export default worker(...)
 * const echo = worker(agent("echo", (m) => `Echo: ${text(m)}`));
 * const response = await echo.fetch(new Request("http://example/health"), {});
 * assert.equal(response.status, 200);
 * ```
 *
 * @param agents What is offered, or a function that makes it from the bindings of the Worker.
 * @throws {TypeError} If there is no agent or an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function worker<Env = unknown>(
  agents: Agents | ((env: Env) => Agents),
  options: WorkerOptions = {},
): Worker<Env> {
  let handle: FetchHandler | undefined;
  const make = typeof agents === "function" && !("process" in agents) ? agents : undefined;
  if (make === undefined) handle = handlerOf(agents as Agents, options);
  return {
    fetch(request, env) {
      handle ??= handlerOf(make!(env), options);
      return handle(request);
    },
  };
}

function handlerOf(agents: Agents, options: WorkerOptions): FetchHandler {
  const http = httpHandler(agents, options);
  const handler = options.rpc === false ? http : withRpc(http, agents, options);
  const webSocket = webSocketOf(agents, options);
  return webSocket === undefined ? handler : withWebSocket(handler, webSocket);
}
