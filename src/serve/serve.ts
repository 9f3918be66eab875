import { AgenkitError } from "../core/errors.ts";
import { onAbort } from "../core/signals.ts";
import type { Agents } from "../transport/directory.ts";
import { httpHandler } from "../transport/http/server.ts";
import { Companions } from "./companion.ts";
import { listenGrpc, shareGrpc } from "./grpc.ts";
import { DrainHooks } from "./drain_hooks.ts";
import { inTime } from "./in_time.ts";
import type { Listen, Listener } from "./listener.ts";
import { ownOptions, type ServeOptions } from "./options.ts";
import { withRpc } from "./rpc.ts";
import { listenTcp, listenUnix } from "./socket.ts";
import { webSocketCompanion, webSocketOf } from "./websocket.ts";

/** A server that listens. Leaving the scope of an `await using` drains it. */
export interface AgentServer extends AsyncDisposable {
  /** Where clients find it, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Every URL that reaches it: that of HTTP, those of its other listeners, and that of WebSocket. */
  readonly endpoints: readonly string[];
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
  /**
   * Runs a callback before the server drains, while it still takes calls: to
   * tell those who send them that it will go. It is waited for, but at most
   * for 5 seconds, or `drainTimeoutMs`. Closing at once does not wait.
   *
   * @returns Takes the callback back.
   */
  onDrain(callback: () => void | Promise<void>): () => void;
  /** Closes at once and cuts what runs. */
  close(): Promise<void>;
}

/**
 * Serves agents on Deno, Bun or Node: over HTTP, WebSocket, Connect and gRPC-Web
 * on one port; over gRPC and at TCP and Unix sockets besides, if asked to.
 *
 * @example
 * ```ts
 * import { agent, text } from "@agenkit/agenkit";
 * import { serve } from "@agenkit/agenkit/serve";
 * import assert from "node:assert/strict";
 *
 * await using server = await serve(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * const response = await fetch(`${server.url}/health`);
 * assert.deepEqual(await response.json(), { status: "ok" });
 * ```
 *
 * @param agents One agent, several, or a record of them; the first is the default.
 * @throws {TypeError} If there is no agent or an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 * @throws {AgenkitError} `unavailable` if the address cannot be had, `unimplemented` if the runtime cannot listen.
 */
export async function serve(agents: Agents, options: ServeOptions = {}): Promise<AgentServer> {
  const { hostname, port, tls, idleTimeoutMs, drainTimeoutMs, http3, signal } = ownOptions(options);
  const http = httpHandler(agents, options);
  const handler = options.rpc === false ? http : withRpc(http, agents, options);
  const webSocket = webSocketOf(agents, options);
  signal?.throwIfAborted();
  const { grpc = false } = options;
  const shared = grpc === "shared" ? await shareGrpc(agents, options) : undefined;
  const listen = await listenOfRuntime();
  let listener: Listener;
  try {
    listener = await listen(handler, {
      hostname,
      port,
      tls,
      idleTimeoutMs,
      http3,
      grpc: shared?.handler,
      webSocket,
    });
  } catch (cause) {
    throw new AgenkitError(
      "unavailable",
      `Cannot listen at ${hostname}:${port}: ${(cause as Error).message}`,
      { cause },
    );
  }
  const url = `${tls === undefined ? "http" : "https"}://${reachable(hostname)}:${listener.port}`;
  const companions = new Companions();
  try {
    if (shared !== undefined) await companions.add(Promise.resolve(shared.companion(url)));
    else if (grpc !== false && grpc !== "shared") {
      await companions.add(listenGrpc(agents, options, grpc));
    }
    const { tcp, unix } = options;
    if (tcp !== undefined) await companions.add(listenTcp(agents, options, tcp));
    if (unix !== undefined) await companions.add(listenUnix(agents, options, unix));
    if (webSocket !== undefined) {
      await companions.add(webSocketCompanion(webSocket, url, options.basePath));
    }
  } catch (error) {
    await listener.kill();
    throw error;
  }

  const finished = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;
  const kill = async () => {
    handler.close();
    await Promise.all([listener.kill(), companions.close()]);
  };
  // Whoever closes a server that drains ends its patience.
  const patience = new AbortController();
  const hooks = new DrainHooks();
  const end = async (graceful: boolean) => {
    release();
    const told = hooks.run();
    if (graceful) await inTime(told, Math.min(drainTimeoutMs, MAX_HOOK_MS), patience.signal);
    const idle = Promise.all([handler.drain(), webSocket?.drain()]).then(() => {});
    const ended = () => Promise.all([idle, listener.shutdown(idle), companions.drain()]);
    if (!graceful || !await inTime(ended(), drainTimeoutMs, patience.signal)) await kill();
    finished.resolve();
  };
  const drain = () => closing ??= end(true);
  const release = onAbort(signal, () => void drain());
  return {
    url,
    endpoints: [url, ...companions.urls],
    hostname,
    port: listener.port,
    get inFlight() {
      return handler.inFlight + companions.inFlight;
    },
    finished: finished.promise,
    drain,
    onDrain: (callback) => hooks.add(callback),
    close: () => {
      patience.abort();
      return closing ??= end(false);
    },
    [Symbol.asyncDispose]: drain,
  };
}

/** How long draining is held up at most by those who want to know of it. */
const MAX_HOOK_MS = 5_000;

/** Loads the listener of the runtime at hand, and no other. */
async function listenOfRuntime(): Promise<Listen> {
  const scope = globalThis as {
    Deno?: unknown;
    Bun?: unknown;
    process?: { versions?: { node?: string } };
  };
  if (scope.Deno !== undefined) return (await import("./deno.ts")).listen;
  if (scope.Bun !== undefined) return (await import("./bun.ts")).listen;
  if (scope.process?.versions?.node !== undefined) return (await import("./node.ts")).listen;
  throw new AgenkitError(
    "unimplemented",
    "Cannot listen on this runtime: expected Deno, Bun or Node. On Workers use worker()",
  );
}

/** An address that clients on this machine can use for one that means all of them. */
function reachable(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  if (hostname === "::") return "[::1]";
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
