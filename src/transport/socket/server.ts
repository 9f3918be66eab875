import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { checkLimit, checkNumber } from "../../core/options.ts";
import { onAbort } from "../../core/signals.ts";
import { ChannelServer, type ChannelServerOptions } from "../channel/server.ts";
import type { Agents } from "../directory.ts";
import { checkServerTls, nodeServerTlsOptions, type ServerTlsOptions } from "../tls.ts";
import { addressUrl, readAddress, type SocketAddress } from "./address.ts";
import { SocketChannel } from "./channel.ts";
import { listen } from "./listen.ts";

/** Options of {@linkcode serveSocket}. */
export interface SocketServerOptions extends ChannelServerOptions {
  /** Certificate and key, for an address that begins with `tcps:`. */
  readonly tls?: ServerTlsOptions | undefined;
  /** How many connections there may be at once; more are closed at once. @default {10000} */
  readonly maxConnections?: number | undefined;
  /** How long an envelope may take from its first byte to its last, in milliseconds. @default {30000} */
  readonly frameTimeoutMs?: number | undefined;
  /** Who may connect to a Unix socket, as permissions of its file. @default {0o600} */
  readonly mode?: number | undefined;
  /** How long `drain` waits for calls that run before it cuts them, in milliseconds. @default {30000} */
  readonly drainTimeoutMs?: number | undefined;
  /** Drains the server when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** A server that listens at a socket. Leaving the scope of an `await using` drains it. */
export interface SocketServer extends AsyncDisposable {
  /** Where clients find it, such as `tcp://127.0.0.1:5000` or `unix:///run/user/1000/echo.sock`. */
  readonly url: string;
  /** How many calls and streams run. */
  readonly inFlight: number;
  /** How many connections there are. */
  readonly connections: number;
  /** Resolves when the server has closed, for whatever reason. */
  readonly finished: Promise<void>;
  /** Takes no new calls, lets those that run end, and closes. May be called often. */
  drain(): Promise<void>;
  /** Closes at once and cuts what runs. */
  close(): Promise<void>;
}

const ACTION = "serve at a socket";
/** How long the last answer may take to reach a client before its connection is cut, in milliseconds. */
const LINGER_MS = 1000;
const HANDSHAKE_MS = 10_000;

/**
 * Serves agents at a TCP or Unix socket, as Python and Go peers do it: envelopes
 * in frames, one call at a time on each connection. On Deno, Bun and Node.
 *
 * - `tcp://127.0.0.1:5000`; port 0 takes a free one, see {@linkcode SocketServer.url}
 * - `tcps://0.0.0.0:5000`, TLS; needs `tls`
 * - `unix:///run/user/1000/agents/echo.sock`; only this user may connect, and what a
 *   server left behind that has crashed is removed
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { serveSocket, socketAgent } from "@agenkit/agenkit/socket";
 * import assert from "node:assert/strict";
 *
 * await using server = await serveSocket(agent("echo", (m) => `Echo: ${text(m)}`), "tcp://127.0.0.1:0");
 * await using echo = socketAgent(server.url);
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @param agents One agent, several, or a record of them; the first is the default.
 * @param url Where to listen.
 * @throws {TypeError} If there is no agent, or the address or an option is not valid.
 * @throws {RangeError} If a limit or the port is out of bounds.
 * @throws {AgenkitError} `unavailable` if the address cannot be had, `already_exists` if another
 * server listens at that path or it is no socket.
 */
export async function serveSocket(
  agents: Agents,
  url: string | URL,
  options: SocketServerOptions = {},
): Promise<SocketServer> {
  const address = readAddress(ACTION, url, 0);
  checkTls(address, options);
  const listener = new SocketListener(agents, options);
  options.signal?.throwIfAborted();
  await listener.listen(address, options);
  return listener;
}

class SocketListener implements SocketServer {
  readonly finished: Promise<void>;
  #url = "";
  readonly #channels: ChannelServer;
  readonly #maxConnections: number;
  readonly #frameTimeoutMs: number;
  readonly #drainTimeoutMs: number;
  readonly #mode: number;
  readonly #sockets = new Set<Socket>();
  readonly #finished = Promise.withResolvers<void>();
  #server: Server | undefined;
  #release: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(agents: Agents, options: SocketServerOptions) {
    this.#channels = new ChannelServer(agents, options, ACTION);
    this.#maxConnections = checkLimit(ACTION, "maxConnections", options.maxConnections ?? 10_000);
    this.#frameTimeoutMs = checkLimit(ACTION, "frameTimeoutMs", options.frameTimeoutMs ?? 30_000);
    this.#drainTimeoutMs = checkLimit(ACTION, "drainTimeoutMs", options.drainTimeoutMs ?? 30_000);
    const mode = { min: 0, max: 0o777, integer: true };
    this.#mode = checkNumber(ACTION, "mode", options.mode ?? 0o600, mode);
    this.finished = this.#finished.promise;
  }

  get url(): string {
    return this.#url;
  }

  get inFlight(): number {
    return this.#channels.inFlight;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  async listen(address: SocketAddress, { tls, signal }: SocketServerOptions): Promise<void> {
    this.#server = this.#createServer(tls);
    this.#url = await listen(this.#server, address, this.#mode);
    this.#release = onAbort(signal, () => void this.drain());
  }

  drain(): Promise<void> {
    return this.#closing ??= this.#end(this.#channels.drain());
  }

  close(): Promise<void> {
    const closed = this.#channels.close();
    this.#closing ??= this.#end(closed);
    this.#cut();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain();
  }

  async #end(served: Promise<void>): Promise<void> {
    this.#release?.();
    const { clock } = this.#channels.settings;
    const timer = clock.schedule(clock.now() + this.#drainTimeoutMs, () => {
      void this.#channels.close();
      this.#cut();
    });
    await Promise.all([
      served,
      new Promise<void>((resolve) => this.#server!.close(() => resolve())),
      ...[...this.#sockets].map((socket) =>
        new Promise<void>((resolve) => socket.once("close", () => resolve()))
      ),
    ]);
    timer.cancel();
    this.#finished.resolve();
  }

  #cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #createServer(tls: ServerTlsOptions | undefined): Server {
    const serve = (socket: Socket) => this.#serve(socket);
    const server = tls === undefined ? createServer() : createTlsServer({
      ...nodeServerTlsOptions(tls),
      handshakeTimeout: HANDSHAKE_MS,
    });
    // Counted before the handshake: who never ends it must not fill the machine.
    server.on("connection", (socket: Socket) => {
      if (this.#track(socket) && tls === undefined) serve(socket);
    });
    if (tls !== undefined) {
      server.on("secureConnection", serve);
      server.on("tlsClientError", (_, socket: Socket) => socket.destroy());
    }
    return server;
  }

  #track(socket: Socket): boolean {
    socket.on("error", () => {});
    if (this.#sockets.size >= this.#maxConnections) {
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return true;
  }

  #serve(socket: Socket): void {
    const { maxBytes, clock } = this.#channels.settings;
    const channel = new SocketChannel(socket, {
      maxBytes,
      frameTimeoutMs: this.#frameTimeoutMs,
      lingerMs: LINGER_MS,
      clock,
    });
    void this.#channels.serve(channel);
  }
}

function checkTls(address: SocketAddress, { tls }: SocketServerOptions): void {
  const secure = address.kind === "tcp" && address.tls;
  if (tls !== undefined) checkServerTls(ACTION, tls);
  if (secure === (tls !== undefined)) return;
  throw new TypeError(
    secure
      ? `Cannot ${ACTION} as ${addressUrl(address)} needs 'tls' with a certificate and its key`
      : `Cannot ${ACTION} as ${addressUrl(address)} does not speak TLS: expected tcps: with 'tls'`,
  );
}
