import { isUpgrade } from "../transport/websocket/server.ts";
import { type BunSockets, bunSockets, type BunUpgrader, upgrade } from "./bun_websocket.ts";
import { isStream } from "./is_stream.ts";
import type { FetchHandler, Listener, ListenOptions } from "./listener.ts";

/** The part of Bun's API that is used here; its own types would pull in all of them. */
interface BunServer extends BunUpgrader {
  readonly port: number;
  stop(closeActiveConnections?: boolean): Promise<void>;
  timeout(request: Request, seconds: number): void;
}

interface BunGlobal {
  serve(options: {
    hostname: string;
    port: number;
    idleTimeout: number;
    maxRequestBodySize: number;
    http2: boolean;
    http3: boolean;
    tls?: { cert: string; key: string };
    websocket?: BunSockets;
    fetch(request: Request, server: BunServer): Promise<Response | undefined>;
  }): BunServer;
}

/** The longest idle timeout that Bun takes, in seconds. */
const MAX_IDLE_SECONDS = 255;

/** With less than this HTTP/3 connections end while an agent is at work on them. */
const MIN_HTTP3_IDLE_SECONDS = 5;

/**
 * Listens with `Bun.serve`: HTTP/1.1 and HTTP/2, in cleartext by prior
 * knowledge (Bun >= 1.4) and over TLS by ALPN, on one port; and HTTP/3, which
 * Bun announces to the clients of the others.
 */
export function listen(handler: FetchHandler, options: ListenOptions): Promise<Listener> {
  if (options.grpc !== undefined) {
    return import("./one_port.ts").then((one) => one.listenOnePort(listen, handler, options));
  }
  const { hostname, port, tls, idleTimeoutMs, http3, webSocket } = options;
  const idleSeconds = Math.max(
    Math.ceil(idleTimeoutMs / 1000),
    http3 ? MIN_HTTP3_IDLE_SECONDS : 1,
  );
  const idleTimeout = Math.min(idleSeconds, MAX_IDLE_SECONDS);
  const { Bun } = globalThis as unknown as { Bun: BunGlobal };
  const server = Bun.serve({
    hostname,
    port,
    idleTimeout,
    // The handler has a limit of its own, and answers with an envelope.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    http2: true,
    http3,
    ...(tls === undefined ? undefined : { tls: { cert: tls.cert, key: tls.key } }),
    ...(webSocket === undefined ? undefined : { websocket: bunSockets(webSocket) }),
    fetch(request, server) {
      if (webSocket !== undefined && isUpgrade(request)) return upgrade(request, server, webSocket);
      // Bun counts an agent at work as an idle connection, and goes by what was said last.
      server.timeout(request, 0);
      return handler(request).then((response) => {
        if (!isStream(response.headers.get("content-type"))) server.timeout(request, idleTimeout);
        return response;
      });
    },
  });
  return Promise.resolve({
    port: server.port,
    shutdown: () => server.stop(false),
    kill: () => server.stop(true),
  });
}
