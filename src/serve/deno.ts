import { withWebSocket } from "./deno_websocket.ts";
import type { FetchHandler, Listener, ListenOptions } from "./listener.ts";

/**
 * Listens with `Deno.serve`: HTTP/1.1 and HTTP/2, in cleartext by prior
 * knowledge and over TLS by ALPN, on one port.
 */
export function listen(handler: FetchHandler, options: ListenOptions): Promise<Listener> {
  if (options.grpc !== undefined) {
    return import("./one_port.ts").then((one) => one.listenOnePort(listen, handler, options));
  }
  const { hostname, port, tls, webSocket } = options;
  const killer = new AbortController();
  const server = Deno.serve({
    hostname,
    port,
    ...(tls === undefined ? undefined : { cert: tls.cert, key: tls.key }),
    signal: killer.signal,
    onListen: () => {},
  }, webSocket === undefined ? handler : withWebSocket(handler, webSocket));
  let shuttingDown = false;
  return Promise.resolve({
    port: server.addr.port,
    async shutdown(idle) {
      // A server that shuts down can be cut no more. Until then the handler refuses new calls.
      await idle;
      if (killer.signal.aborted) return;
      shuttingDown = true;
      await server.shutdown();
    },
    async kill() {
      // What is left then are connections without a call.
      if (shuttingDown) return server.unref();
      killer.abort();
      await server.finished;
    },
  });
}
