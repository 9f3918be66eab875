import type { Agents } from "../transport/directory.ts";
import type { HttpHandlerOptions } from "../transport/http/options.ts";
import {
  type WebSocketHandler,
  webSocketHandler,
  type WebSocketHandlerOptions,
} from "../transport/websocket/server.ts";
import type { Companion } from "./companion.ts";

/** Options of WebSockets beside HTTP: what they do not give is what holds for HTTP. */
export type WebSocketServeOptions = Omit<WebSocketHandlerOptions, "clock" | "defaultAgent">;

/** Options of a server that takes WebSockets at the port of its HTTP. */
export interface WithWebSocket {
  /**
   * Whether WebSockets are taken, at `/` and `/ws`, and what holds for them
   * alone. @default {true}
   */
  readonly websocket?: boolean | WebSocketServeOptions | undefined;
}

/** The handler of a server's WebSockets, unless it takes none. */
export function webSocketOf(
  agents: Agents,
  options: HttpHandlerOptions & WithWebSocket,
): WebSocketHandler | undefined {
  const { websocket = true } = options;
  if (websocket === false) return undefined;
  const { defaultAgent, basePath, maxBytes, maxTimeoutMs, maxInFlight, trustToolCalls } = options;
  const { cors, content, context, errorText, clock } = options;
  return webSocketHandler(agents, {
    defaultAgent,
    basePath,
    maxBytes,
    maxTimeoutMs,
    maxInFlight,
    trustToolCalls,
    cors,
    content,
    context,
    errorText,
    clock,
    ...(websocket === true ? undefined : websocket),
  });
}

/** A server's WebSockets as something that ends with it. */
export function webSocketCompanion(
  handler: WebSocketHandler,
  url: string,
  basePath = "",
): Companion {
  const path = basePath.replace(/^\/*|\/+$/g, "");
  return {
    url: url.replace(/^http/, "ws") + (path === "" ? "" : `/${path}`),
    get inFlight() {
      return handler.inFlight;
    },
    drain: () => handler.drain(),
    close: () => handler.close(),
  };
}
