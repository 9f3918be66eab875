import type { ContextValues } from "../../core/context.ts";
import { checkFunction, checkLimit } from "../../core/options.ts";
import { UNKNOWN_ID } from "../../protocol/envelope.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import { ChannelServer, type ChannelServerOptions } from "../channel/server.ts";
import type { Agents } from "../directory.ts";
import { type CorsOptions, OriginPolicy } from "../http/origin.ts";
import { errorResponse, HttpProblem } from "../http/problem.ts";
import { BatchedChannel } from "./batch.ts";
import { WebSocketChannel, type WebSocketSink } from "./channel.ts";
import { MUX_PROTOCOL } from "./mux.ts";
import { MuxConnection } from "./mux_connection.ts";
import { channelOf, type WebSocketLike } from "./standard.ts";

/** Options of {@linkcode webSocketHandler}. */
export interface WebSocketHandlerOptions extends ChannelServerOptions {
  /** What all paths begin with, such as `"/api"`. @default {""} */
  readonly basePath?: string | undefined;
  /**
   * Which web pages of other origins may connect: `true` for all. Without it a
   * browser's handshake from another origin is refused with 403. @default {false}
   */
  readonly cors?: CorsOptions | boolean | undefined;
  /**
   * Makes the values that agents find in `call.values` from a handshake, or
   * refuses it by throwing (an `AgenkitError` with code `unauthenticated` gives 401).
   */
  readonly context?: ((request: Request) => ContextValues | Promise<ContextValues>) | undefined;
  /** How many connections there may be; more are refused with 503. @default {16384} */
  readonly maxConnections?: number | undefined;
  /**
   * How many calls one connection may have at once, where it carries several
   * (subprotocol `agenkit.v1.mux`); more are refused. @default {100}
   */
  readonly maxCallsPerConnection?: number | undefined;
  /** How many messages a second one connection may send; with more it is closed. @default {50000} */
  readonly maxMessagesPerSecond?: number | undefined;
  /** Whether connections may carry many calls, with clients that can. @default {true} */
  readonly multiplex?: boolean | undefined;
  /**
   * How long a connection may be without a call, in milliseconds, before it is
   * closed; one that carries many calls has to send something at all in that
   * time, as our client does every 30 s. @default {300000}
   */
  readonly idleTimeoutMs?: number | undefined;
}

/** A handshake that is to be accepted, as {@linkcode WebSocketHandler.negotiate} gives it. */
export interface WebSocketAcceptance {
  /** What the answer has to say in `Sec-WebSocket-Protocol`; left out if there is nothing. */
  readonly protocol: string | undefined;
  /** What the agents find in `call.values`. */
  readonly values: ContextValues | undefined;
}

/** Serves agents over WebSockets that somebody else upgrades. */
export interface WebSocketHandler {
  /** The most bytes of a message. */
  readonly maxBytes: number;
  /** How many calls and streams run. */
  readonly inFlight: number;
  /** How many connections there are. */
  readonly connections: number;
  /** Whether new connections are refused. */
  readonly draining: boolean;
  /**
   * Decides about a handshake: the answer that refuses it, or how to accept it. Never rejects.
   * Requests that {@linkcode isUpgrade} does not recognise are refused.
   */
  negotiate(request: Request): Promise<WebSocketAcceptance | Response>;
  /** Serves a standard WebSocket, open or about to be. Resolves when it is closed; never rejects. */
  serve(socket: WebSocketLike, acceptance: WebSocketAcceptance): Promise<void>;
  /**
   * Serves a socket of another kind: what comes of it has to be given to the channel's
   * `onMessage` and `onClose`.
   */
  attach(sink: WebSocketSink, acceptance: WebSocketAcceptance): WebSocketChannel;
  /** Refuses new connections and calls, closes each connection when its calls have ended, and resolves with the last. */
  drain(): Promise<void>;
  /** Closes all connections at once and aborts what runs. */
  close(): Promise<void>;
}

/** Whether a request asks to become a WebSocket. */
export function isUpgrade(request: Request): boolean {
  return request.method === "GET" && request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

const ACTION = "serve over WebSocket";

/**
 * Makes what serves agents over WebSockets at the paths `/` and `/ws`, behind
 * whatever upgrades the requests. `serve` does that by itself.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { webSocketAgent, webSocketHandler } from "@agenkit/agenkit/websocket";
 * import assert from "node:assert/strict";
 *
 * const handler = webSocketHandler(agent("echo", (m) => `Echo: ${text(m)}`));
 * const server = Deno.serve({ port: 0, onListen() {} }, async (request) => {
 *   const accepted = await handler.negotiate(request);
 *   if (accepted instanceof Response) return accepted;
 *   const { protocol = "" } = accepted;
 *   const { socket, response } = Deno.upgradeWebSocket(request, { protocol, idleTimeout: 0 });
 *   void handler.serve(socket, accepted);
 *   return response;
 * });
 * const echo = webSocketAgent(`ws://127.0.0.1:${server.addr.port}`);
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * await echo.close();
 * await Promise.all([handler.drain(), server.shutdown()]);
 * ```
 *
 * @param agents One agent, several, or a record of them; the first is the default.
 * @throws {TypeError} If there is no agent, or an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function webSocketHandler(
  agents: Agents,
  options: WebSocketHandlerOptions = {},
): WebSocketHandler {
  return new Handler(agents, options);
}

class Handler implements WebSocketHandler {
  readonly #server: ChannelServer;
  readonly #origins: OriginPolicy;
  readonly #options: WebSocketHandlerOptions;
  readonly #paths: readonly string[];
  readonly #maxConnections: number;
  readonly #maxCalls: number;
  readonly #maxMessagesPerSecond: number;

  constructor(agents: Agents, options: WebSocketHandlerOptions) {
    const { idleTimeoutMs = 300_000 } = options;
    const limit = (name: keyof WebSocketHandlerOptions, otherwise: number) =>
      checkLimit(ACTION, name, (options[name] ?? otherwise) as number);
    checkFunction(ACTION, "context", options.context);
    this.#server = new ChannelServer(agents, { ...options, idleTimeoutMs }, ACTION);
    this.#origins = new OriginPolicy(options.cors);
    this.#options = options;
    const base = `/${options.basePath ?? ""}`.replace(/\/+/g, "/").replace(/\/$/, "");
    this.#paths = [`${base}/`, `${base}/ws`, ...(base === "" ? [] : [base])];
    this.#maxConnections = limit("maxConnections", 16_384);
    this.#maxCalls = limit("maxCallsPerConnection", 100);
    this.#maxMessagesPerSecond = limit("maxMessagesPerSecond", 50_000);
  }

  get maxBytes(): number {
    return this.#server.settings.maxBytes;
  }

  get inFlight(): number {
    return this.#server.inFlight;
  }

  get connections(): number {
    return this.#server.connections;
  }

  get draining(): boolean {
    return this.#server.draining;
  }

  async negotiate(request: Request): Promise<WebSocketAcceptance | Response> {
    try {
      this.#check(request);
      const values = await this.#options.context?.(request);
      return { protocol: this.#protocolOf(request), values };
    } catch (error) {
      return errorResponse(UNKNOWN_ID, toAgenkitError(error));
    }
  }

  serve(socket: WebSocketLike, acceptance: WebSocketAcceptance): Promise<void> {
    return this.#run(channelOf(socket, this.#channelOptions(acceptance)), acceptance);
  }

  attach(sink: WebSocketSink, acceptance: WebSocketAcceptance): WebSocketChannel {
    const channel = new WebSocketChannel(sink, this.#channelOptions(acceptance));
    void this.#run(channel, acceptance);
    return channel;
  }

  drain(): Promise<void> {
    return this.#server.drain();
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #run(channel: WebSocketChannel, { protocol, values }: WebSocketAcceptance): Promise<void> {
    if (protocol !== MUX_PROTOCOL) return this.#server.serve(channel, values);
    return this.#server.serve(
      new BatchedChannel(channel, this.maxBytes),
      values,
      (channel, server, values) => new MuxConnection(channel, server, values, this.#maxCalls),
    );
  }

  #channelOptions({ protocol }: WebSocketAcceptance) {
    const { maxBytes, clock } = this.#server.settings;
    return {
      maxBytes,
      text: protocol === MUX_PROTOCOL,
      maxMessagesPerSecond: this.#maxMessagesPerSecond,
      peer: "the client",
      clock,
    };
  }

  #check(request: Request): void {
    const { pathname } = new URL(request.url);
    if (!this.#paths.includes(pathname)) {
      throw new HttpProblem(
        404,
        "not_found",
        `There is no WebSocket at ${pathname}: expected ${this.#paths.slice(0, 2).join(" or ")}`,
      );
    }
    if (!isUpgrade(request)) {
      throw new HttpProblem(426, "invalid_argument", "Expected the handshake of a WebSocket", {
        upgrade: "websocket",
      });
    }
    this.#origins.check(request);
    if (this.#server.draining) throw busy("The server is draining: it takes no new connections");
    if (this.#server.connections >= this.#maxConnections) {
      throw busy(`The server is busy: expected at most ${this.#maxConnections} connections`);
    }
  }

  #protocolOf(request: Request): string | undefined {
    if (this.#options.multiplex === false) return undefined;
    const offered = request.headers.get("sec-websocket-protocol")?.split(",") ?? [];
    return offered.some((name) => name.trim() === MUX_PROTOCOL) ? MUX_PROTOCOL : undefined;
  }
}

function busy(text: string): HttpProblem {
  return new HttpProblem(503, "unavailable", text, { "retry-after": "1" });
}
