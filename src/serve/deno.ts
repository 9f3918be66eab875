import type { FetchHandler, Listener, ListenOptions } from "./listener.ts";

/**
 * Listens with `Deno.serve`: HTTP/1.1 and HTTP/2, in cleartext by prior
 * knowledge and over TLS by ALPN, on one port.
 */
export function listen(handler: FetchHandler, options: ListenOptions): Promise<Listener> {
  const { hostname, port, tls } = options;
  const killer = new AbortController();
  const server = Deno.serve({
    hostname,
    port,
    ...(tls === undefined ? undefined : { cert: tls.cert, key: tls.key }),
    signal: killer.signal,
    onListen: () => {},
  }, handler);
  return Promise.resolve({
    port: server.addr.port,
    shutdown: () => server.shutdown(),
    kill: () => {
      killer.abort();
      return server.finished;
    },
  });
}
