import { AgenkitError } from "../../core/errors.ts";
import { describe } from "../../core/json.ts";
import { checkFunction, checkLimit, checkNumber } from "../../core/options.ts";
import { ChannelAgent, type ChannelAgentOptions, type ConnectedAgent } from "../channel/client.ts";
import { checkClientOptions } from "../client_options.ts";
import { fixedHeaders } from "../http/extra_headers.ts";
import { refuseCredentials, shownUrl } from "../url.ts";
import { Dialler, shown, type WebSocketFactory } from "./dial.ts";
import { WebSocketSource } from "./source.ts";
import type { WebSocketLike } from "./standard.ts";

/** Options of {@linkcode webSocketAgent}. */
export interface WebSocketAgentOptions extends ChannelAgentOptions {
  /**
   * Whether one connection carries many calls (subprotocol `agenkit.v1.mux`):
   * `"auto"` if the server can, `true` or not at all, `false` never, as with
   * Python and Go peers. @default {"auto"}
   */
  readonly multiplex?: boolean | "auto" | undefined;
  /** How many calls a connection carries at once, if it carries many; more wait. @default {100} */
  readonly maxCallsPerConnection?: number | undefined;
  /** How long one handshake may take, in milliseconds. @default {10000} */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * How often a connection that carries many calls gives a sign of life, and
   * asks for one while it is idle, in milliseconds. @default {30000}
   */
  readonly keepAliveMs?: number | undefined;
  /** How long that sign may take, in milliseconds. @default {10000} */
  readonly keepAliveTimeoutMs?: number | undefined;
  /**
   * Headers of the handshake, such as `authorization`, on Deno, Bun and Node.
   * Browsers and Workers cannot send any.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What makes sockets. @default {WebSocket} */
  readonly webSocket?: WebSocketFactory | undefined;
}

const ACTION = "call over WebSocket";

/**
 * Makes an agent of one that is served over WebSocket, in whatever language. It
 * connects with the first call, and again when the connection was lost; a call
 * that was under way then fails with `unavailable` and is not repeated, unless
 * it was said to be idempotent.
 *
 * With a TypeScript server all calls share one connection; with a Python or Go
 * one each call has a connection of a pool to itself.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { serve } from "@agenkit/agenkit/serve";
 * import { webSocketAgent } from "@agenkit/agenkit/websocket";
 * import assert from "node:assert/strict";
 *
 * await using server = await serve(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * await using echo = webSocketAgent(server.url);
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @param url Where it is served: `ws://` or `wss://`; `http://` and `https://` mean the same
 * server. Without a path `/` is tried, and then `/ws`.
 * @throws {TypeError} If the URL is of another kind or holds a password, or an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function webSocketAgent(
  url: string | URL,
  options: WebSocketAgentOptions = {},
): ConnectedAgent {
  const parsed = parseUrl(url);
  const { maxBytes, clock } = checkClientOptions(ACTION, options);
  const { multiplex = "auto" } = options;
  if (multiplex !== "auto" && typeof multiplex !== "boolean") {
    throw new TypeError(
      `Cannot ${ACTION} as 'multiplex' must be true, false or "auto": current value is ${
        describe(multiplex)
      }`,
    );
  }
  checkFunction(ACTION, "webSocket", options.webSocket);
  const headers = headersOf(options);
  const dialler = new Dialler({
    url: parsed,
    multiplex,
    connectTimeoutMs: checkLimit(ACTION, "connectTimeoutMs", options.connectTimeoutMs ?? 10_000),
    factory: options.webSocket ?? standardFactory(headers),
    channel: {
      maxBytes,
      maxMessagesPerSecond: Number.POSITIVE_INFINITY,
      peer: shown(parsed),
      clock,
    },
  });
  const limits = {
    maxBytes,
    maxCallsPerConnection: checkNumber(
      ACTION,
      "maxCallsPerConnection",
      options.maxCallsPerConnection ?? 100,
      { min: 1, integer: true, infinite: true },
    ),
    keepAliveMs: checkLimit(ACTION, "keepAliveMs", options.keepAliveMs ?? 30_000),
    keepAliveTimeoutMs: checkLimit(
      ACTION,
      "keepAliveTimeoutMs",
      options.keepAliveTimeoutMs ?? 10_000,
    ),
  };
  return new ChannelAgent({
    action: ACTION,
    fallbackName: parsed.host,
    url: shown(parsed),
    source: (setup) => new WebSocketSource(dialler, setup, limits),
  }, options);
}

function parseUrl(url: string | URL): URL {
  const text = String(url).replace(/^http(s?):\/\//i, "ws$1://");
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^wss?:$/.test(parsed.protocol)) {
    throw new TypeError(
      `Cannot ${ACTION} as 'url' must be a ws:// or wss:// URL: current value is ${
        describe(shownUrl(url))
      }`,
    );
  }
  refuseCredentials(ACTION, parsed);
  // Not sent to servers, and refused by the standard.
  parsed.hash = "";
  if (parsed.pathname !== "/") parsed.pathname = parsed.pathname.replace(/\/+$/, "");
  return parsed;
}

/** The headers of connections: they are made without a call that a function could be asked for. */
function headersOf({ headers }: WebSocketAgentOptions): Record<string, string> | undefined {
  if (headers === undefined) return undefined;
  if (typeof headers !== "function") return fixedHeaders(ACTION, headers, "headers");
  throw new TypeError(
    `Cannot ${ACTION} as 'headers' must be headers: current value is a function`,
  );
}

type WebSocketConstructor = new (
  url: string,
  protocols?: string[] | { headers: Readonly<Record<string, string>>; protocols: string[] },
) => WebSocketLike;

function standardFactory(headers: Readonly<Record<string, string>> | undefined): WebSocketFactory {
  return (url, protocols) => {
    const { WebSocket } = globalThis as unknown as { WebSocket?: WebSocketConstructor };
    if (WebSocket === undefined) {
      throw new AgenkitError("unimplemented", `Cannot ${ACTION}: this runtime has no WebSocket`);
    }
    if (headers === undefined) return new WebSocket(url, [...protocols]);
    return new WebSocket(url, { headers, protocols: [...protocols] });
  };
}
