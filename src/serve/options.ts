import { AgenkitError } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import { checkBoolean, checkLimit, checkNumber, checkOptions, checkText } from "../core/options.ts";
import type { HttpHandlerOptions } from "../transport/http/options.ts";
import type { SocketServerOptions } from "../transport/socket/server.ts";
import { checkServerTls, type ServerTlsOptions } from "../transport/tls.ts";
import type { TlsOptions } from "./listener.ts";
import type { WithWebSocket } from "./websocket.ts";

/** Options of {@linkcode serve}: where to listen, and all that the handler takes. */
export interface ServeOptions extends HttpHandlerOptions, WithWebSocket {
  /** The address to listen at. `"0.0.0.0"` takes calls of other machines too. @default {"127.0.0.1"} */
  readonly hostname?: string | undefined;
  /** The port to listen at; 0 takes a free one, see {@linkcode AgentServer.url}. @default {8080} */
  readonly port?: number | undefined;
  /** Makes the server speak TLS. */
  readonly tls?: TlsOptions | undefined;
  /** Whether Connect and gRPC-Web are answered too, loaded with the first such request. @default {true} */
  readonly rpc?: boolean | undefined;
  /**
   * Listens for gRPC too: at a port of its own (`true` for 50051), or with
   * `"shared"` at the port of HTTP. On Deno and Bun that costs every connection
   * a second one on the loopback. @default {false}
   */
  readonly grpc?: boolean | "shared" | GrpcListenOptions | undefined;
  /** Listens at a TCP socket too, for Python and Go peers that call `tcp:`; a port, or more. With `tls` it is `tcps:`. */
  readonly tcp?: number | TcpListenOptions | undefined;
  /** Listens at a Unix socket too, for calls within this machine; its path, or more. */
  readonly unix?: string | UnixListenOptions | undefined;
  /**
   * Speaks HTTP/3 too, on the UDP port of the same number, and announces it.
   * Only on Bun, and only with `tls`. @default {false}
   */
  readonly http3?: boolean | undefined;
  /**
   * How long a connection may be idle between calls, in milliseconds, where
   * the runtime lets one say: Node, and Bun up to 255 seconds, but not after a
   * stream over HTTP/1.1. @default {60000}
   */
  readonly idleTimeoutMs?: number | undefined;
  /** How long `drain` waits for calls that run before it cuts them, in milliseconds. @default {30000} */
  readonly drainTimeoutMs?: number | undefined;
  /** Drains the server when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** Where `serve` listens for gRPC besides HTTP. */
export interface GrpcListenOptions {
  /** The port to listen at; 0 takes a free one. @default {50051} */
  readonly port?: number | undefined;
  /** The address to listen at. Default: that of HTTP. */
  readonly hostname?: string | undefined;
}

/** Limits of connections that only sockets have. */
export type SocketLimits = Pick<
  SocketServerOptions,
  "maxConnections" | "maxQueued" | "frameTimeoutMs" | "sendTimeoutMs"
>;

/** Where `serve` listens at a TCP socket besides HTTP. */
export interface TcpListenOptions extends SocketLimits {
  /** The port to listen at; 0 takes a free one. */
  readonly port: number;
  /** The address to listen at. Default: that of HTTP. */
  readonly hostname?: string | undefined;
}

/** Where `serve` listens at a Unix socket besides HTTP. */
export interface UnixListenOptions extends SocketLimits {
  /** The path of the socket. */
  readonly path: string;
  /** Who may connect, as permissions of its file. @default {0o600} */
  readonly mode?: number | undefined;
}

/** The options of a server that are its own, with their defaults. */
export interface OwnOptions extends Pick<ServeOptions, "tls" | "signal"> {
  readonly hostname: string;
  readonly port: number;
  readonly idleTimeoutMs: number;
  readonly drainTimeoutMs: number;
  readonly http3: boolean;
}

/**
 * Checks the options of a server that no handler checks.
 *
 * @throws {TypeError} If one is of a wrong type, or two do not go together.
 * @throws {RangeError} If one is out of bounds.
 */
export function ownOptions(options: ServeOptions): OwnOptions {
  const { hostname = "127.0.0.1", tls, signal } = checkOptions("serve", options);
  checkText("serve", "hostname", hostname);
  checkBoolean("serve", "rpc", options.rpc);
  checkSignal(signal);
  const port = checkNumber("serve", "port", options.port ?? 8080, {
    min: 0,
    max: 65_535,
    integer: true,
  });
  const idleTimeoutMs = timerMs(
    checkLimit("serve", "idleTimeoutMs", options.idleTimeoutMs ?? 60_000),
  );
  const drainTimeoutMs = checkLimit("serve", "drainTimeoutMs", options.drainTimeoutMs ?? 30_000);
  if (tls !== undefined) checkTls(tls);
  const http3 = checkHttp3(options);
  return { hostname, port, tls, idleTimeoutMs, drainTimeoutMs, http3, signal };
}

/** What the runtimes' timers take, also where they add to it: whole milliseconds, 23 days at most. */
function timerMs(ms: number): number {
  return Math.min(Math.ceil(ms), 2_000_000_000);
}

function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.throwIfAborted === "function") return;
  throw new TypeError(
    `Cannot serve as 'signal' must be an AbortSignal: current value is ${describe(signal)}`,
  );
}

/** What asks for clients' certificates must not be overlooked: then anybody could call. */
function checkTls(tls: ServerTlsOptions): void {
  checkServerTls("serve", tls);
  if (tls.ca === undefined) return;
  throw new TypeError(
    "Cannot serve as 'tls.ca' is not for HTTP: its listeners cannot ask clients for certificates " +
      "on every runtime. serveGrpc() and serveSocket() can, and so can a proxy in front",
  );
}

function checkHttp3({ http3 = false, tls }: ServeOptions): boolean {
  if (!http3) return false;
  if (tls === undefined) {
    throw new TypeError("Cannot serve as 'http3' needs 'tls': HTTP/3 has no cleartext");
  }
  if ((globalThis as { Bun?: unknown }).Bun !== undefined) return true;
  throw new AgenkitError(
    "unimplemented",
    "Cannot serve HTTP/3 on this runtime: expected Bun. Elsewhere put a proxy that speaks it in front",
  );
}
