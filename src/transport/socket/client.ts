import { connect as connectNet, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { NOT_BEGUN } from "../../core/begun.ts";
import type { Clock } from "../../core/clock.ts";
import { AgenkitError } from "../../core/errors.ts";
import { checkLimit } from "../../core/options.ts";
import { onAbort } from "../../core/signals.ts";
import { ChannelAgent, type ChannelAgentOptions, type ConnectedAgent } from "../channel/client.ts";
import { checkClientOptions } from "../client_options.ts";
import { checkClientTls, type ClientTlsOptions, nodeTlsOptions } from "../tls.ts";
import { addressUrl, readAddress, type SocketAddress } from "./address.ts";
import { SocketChannel, type SocketChannelOptions } from "./channel.ts";

/** Options of {@linkcode socketAgent}. */
export interface SocketAgentOptions extends ChannelAgentOptions {
  /** How the server is checked, for an address that begins with `tcps:`. */
  readonly tls?: ClientTlsOptions | undefined;
  /** How long one attempt to connect may take, in milliseconds. @default {10000} */
  readonly connectTimeoutMs?: number | undefined;
  /** How long an envelope may take from its first byte to its last, in milliseconds. @default {30000} */
  readonly frameTimeoutMs?: number | undefined;
}

const ACTION = "call over a socket";
/**
 * How long an idle connection is kept: less than the 60 s after which servers
 * close it, or a call might be sent at the moment they do.
 */
const IDLE_MS = 45_000;

/**
 * Calls agents at a TCP or Unix socket, of this package, Python or Go. On Deno,
 * Bun and Node. Connections are made when needed and used again.
 *
 * @example
 * ```ts
 * import { agent, collect, message, text } from "@agenkit/agenkit";
 * import { serveSocket, socketAgent } from "@agenkit/agenkit/socket";
 * import assert from "node:assert/strict";
 *
 * const counter = agent("counter", async function* () {
 *   yield "one";
 *   yield "two";
 * });
 * await using server = await serveSocket(counter, "tcp://127.0.0.1:0");
 * await using remote = socketAgent(server.url);
 * assert.deepEqual((await collect(remote.stream(message("user", "count")))).map(text), ["one", "two"]);
 * ```
 *
 * @param url `tcp://host:port`, `tcps://host:port` for TLS, or `unix:///path`. IPv6: `tcp://[::1]:5000`.
 * @throws {TypeError} If the address or an option is not valid.
 * @throws {RangeError} If the port or a limit is out of bounds.
 */
export function socketAgent(url: string | URL, options: SocketAgentOptions = {}): ConnectedAgent {
  const address = readAddress(ACTION, url);
  const where = addressUrl(address);
  const { maxBytes, clock } = checkClientOptions(ACTION, options);
  const tls = checkClientTls(ACTION, options.tls);
  if (tls !== undefined && !(address.kind === "tcp" && address.tls)) {
    throw new TypeError(
      `Cannot ${ACTION} as ${where} does not speak TLS: expected tcps: with 'tls'`,
    );
  }
  const channelOptions: SocketChannelOptions = {
    maxBytes,
    frameTimeoutMs: checkLimit(ACTION, "frameTimeoutMs", options.frameTimeoutMs ?? 30_000),
    lingerMs: 0,
    clock,
  };
  const timeoutMs = checkLimit(ACTION, "connectTimeoutMs", options.connectTimeoutMs ?? 10_000);
  return new ChannelAgent({
    action: ACTION,
    fallbackName: where.slice(where.indexOf("//") + 2),
    url: where,
    async connect(signal) {
      const socket = await connected(address, tls ?? {}, signal, { clock, timeoutMs });
      return new SocketChannel(socket, channelOptions);
    },
  }, { ...options, idleMs: options.idleMs ?? IDLE_MS });
}

function connected(
  address: SocketAddress,
  tls: ClientTlsOptions,
  signal: AbortSignal,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<Socket> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = open(address, tls);
    const fail = (error: unknown) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const onError = (cause: Error) => fail(refused(address, cause.message, cause, reached));
    // Over TLS that is not the end of it.
    let reached = false;
    socket.once("connect", () => reached = true);
    const onClose = () => fail(refused(address, "the connection was closed"));
    const onConnect = () => {
      settle();
      resolve(socket);
    };
    const event = address.kind === "tcp" && address.tls ? "secureConnect" : "connect";
    const timer = clock.schedule(
      clock.now() + timeoutMs,
      () => fail(refused(address, `it took more than ${timeoutMs} ms`)),
    );
    const release = onAbort(signal, () => fail(signal.reason));
    const settle = () => {
      timer.cancel();
      release();
      socket.off(event, onConnect);
      socket.off("close", onClose);
      socket.off("error", onError);
      // Whatever else goes wrong with one that was given up.
      socket.on("error", () => {});
    };
    socket.once(event, onConnect);
    socket.once("error", onError);
    socket.once("close", onClose);
  });
}

function open(address: SocketAddress, tls: ClientTlsOptions): Socket {
  if (address.kind === "unix") return connectNet(address.path);
  const { host, port } = address;
  if (!address.tls) return connectNet({ host, port });
  // An address is no name to ask for, RFC 6066 section 3.
  const servername = isIP(host) === 0 ? host : undefined;
  return connectTls({
    host,
    port,
    ...(servername === undefined ? undefined : { servername }),
    ...nodeTlsOptions(tls),
  });
}

/** @param reached Whether the server was there, and only the handshake failed. */
function refused(
  address: SocketAddress,
  why: string,
  cause?: Coded,
  reached = false,
): AgenkitError {
  // A server that is there, but not the one that was meant, will not be another one soon.
  const untrusted = reached && cause !== undefined && !NETWORK.has(cause.code);
  return new AgenkitError("unavailable", `Cannot connect to ${addressUrl(address)}: ${why}`, {
    cause,
    details: NOT_BEGUN,
    retryable: untrusted ? false : undefined,
  });
}

type Coded = Error & { readonly code?: unknown };

/** What an established connection fails with for reasons of the network. */
const NETWORK: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT"]);
