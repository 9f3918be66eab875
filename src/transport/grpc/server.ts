import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { systemClock } from "../../core/clock.ts";
import { AgenkitError } from "../../core/errors.ts";
import { checkLimit, checkNumber } from "../../core/options.ts";
import { onAbort } from "../../core/signals.ts";
import type { Agents } from "../directory.ts";
import { destroyLater } from "../http2/destroy_later.ts";
import { SETTINGS, widen } from "../http2/windows.ts";
import type { RpcServerOptions } from "../rpc/options.ts";
import { checkServerTls, nodeServerTlsOptions, type ServerTlsOptions } from "../tls.ts";
import { grpcHandler } from "./handler.ts";

/** Options of {@linkcode serveGrpc}. */
export interface GrpcServerOptions extends RpcServerOptions {
  /** The address to listen at. `"0.0.0.0"` takes calls of other machines too. @default {"127.0.0.1"} */
  readonly hostname?: string | undefined;
  /** The port to listen at; 0 takes a free one. @default {50051} */
  readonly port?: number | undefined;
  /** Makes the server speak TLS. */
  readonly tls?: ServerTlsOptions | undefined;
  /** How long `drain` waits for calls that run before it cuts them, in milliseconds. @default {30000} */
  readonly drainTimeoutMs?: number | undefined;
  /** Drains the server when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** A gRPC server that listens. Leaving the scope of an `await using` drains it. */
export interface GrpcServer extends AsyncDisposable {
  /** Where clients find it, such as `grpc://127.0.0.1:50051`. */
  readonly url: string;
  /** The address that is listened at. */
  readonly hostname: string;
  /** The port that is listened at. */
  readonly port: number;
  /** How many calls and streams run. */
  readonly inFlight: number;
  /** Resolves when the server has closed, for whatever reason. */
  readonly finished: Promise<void>;
  /** Takes no new calls, lets those that run end, and closes. May be called often. */
  drain(): Promise<void>;
  /** Closes at once and cuts what runs. */
  close(): Promise<void>;
}

/**
 * Serves agents over gRPC on Deno, Bun or Node, with gRPC's health service and
 * server reflection. The same port answers gRPC-Web and Connect over HTTP/2.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { grpcAgent, serveGrpc } from "@agenkit/agenkit/grpc";
 * import assert from "node:assert/strict";
 *
 * await using server = await serveGrpc(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * await using echo = grpcAgent(server.url);
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @param agents One agent, several, or a record of them; the first is the default.
 * @throws {TypeError} If there is no agent or an option is not valid.
 * @throws {AgenkitError} With code `unavailable`, if the address cannot be had.
 */
export async function serveGrpc(
  agents: Agents,
  options: GrpcServerOptions = {},
): Promise<GrpcServer> {
  const { hostname = "127.0.0.1", tls, signal } = options;
  const port = checkNumber("serve over gRPC", "port", options.port ?? 50_051, {
    min: 0,
    max: 65_535,
    integer: true,
  });
  const drainTimeoutMs = checkLimit(
    "serve over gRPC",
    "drainTimeoutMs",
    options.drainTimeoutMs ?? 30_000,
  );
  const handler = grpcHandler(agents, options);
  signal?.throwIfAborted();
  const listener = await listen(handler, { hostname, port, tls });

  const finished = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const end = async (graceful: boolean) => {
    release();
    const ended = handler.drain();
    if (graceful) {
      const patience = new AbortController();
      await Promise.race([
        // Clients are told to go elsewhere only when their calls have their answers.
        ended.then(() => listener.shutdown()),
        systemClock.sleep(drainTimeoutMs, patience.signal).catch(() => {}),
      ]);
      patience.abort();
    }
    await listener.kill();
    finished.resolve();
  };
  const drain = () => closing ??= end(true);
  const release = onAbort(signal, () => void drain());
  return {
    url: `${tls === undefined ? "grpc" : "grpcs"}://${reachable(hostname)}:${listener.port}`,
    hostname,
    port: listener.port,
    get inFlight() {
      return handler.inFlight;
    },
    finished: finished.promise,
    drain,
    close: () => {
      if (closing === undefined) return closing = end(false);
      // Already draining: cut it short.
      return listener.kill().then(() => closing);
    },
    [Symbol.asyncDispose]: drain,
  };
}

interface Listener {
  readonly port: number;
  /** Takes no new connections and streams, and resolves when the connections are gone. */
  shutdown(): Promise<void>;
  /** Cuts all connections. */
  kill(): Promise<void>;
}

async function listen(
  handler: ReturnType<typeof grpcHandler>,
  { hostname, port, tls }: {
    hostname: string;
    port: number;
    tls: ServerTlsOptions | undefined;
  },
): Promise<Listener> {
  const server: Http2Server | Http2SecureServer = tls === undefined
    ? createServer({ settings: SETTINGS })
    : createSecureServer({
      ...nodeServerTlsOptions(checkServerTls("serve over gRPC", tls)),
      settings: SETTINGS,
    });
  server.on("request", handler);
  server.setTimeout(0);
  const sessions = new Set<Http2Session>();
  server.on("session", (session: Http2Session) => {
    destroyLater(session);
    widen(session);
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // Whoever breaks the protocol is cut off; nobody else is concerned.
    session.on("error", () => session.destroy());
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: Error) =>
      reject(
        new AgenkitError("unavailable", `Cannot listen at ${hostname}:${port}: ${cause.message}`, {
          cause,
        }),
      ));
    server.listen(port, hostname, resolve);
  });
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    shutdown: () => {
      for (const session of sessions) session.close();
      server.close();
      return closed;
    },
    kill: async () => {
      server.close();
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** An address that clients on this machine can use for one that means all of them. */
function reachable(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  if (hostname === "::") return "[::1]";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
