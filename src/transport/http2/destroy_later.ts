import type { Http2Session } from "node:http2";
import { setImmediate } from "node:timers";

/**
 * Makes a session end in a turn of its own, never while it reads a frame. Deno
 * frees what a session has in the moment it is destroyed, and a GOAWAY destroys
 * it while it is still read from: the process ends with an assertion of nghttp2,
 * or a session never closes. Both were seen with Deno 2.9.6, with nothing but
 * clients that leave; the other runtimes have no need of it.
 */
export function destroyLater(session: Http2Session): void {
  if (!("Deno" in globalThis)) return;
  const destroy = session.destroy;
  session.destroy = (...reason) => {
    setImmediate(() => destroy.apply(session, reason));
  };
}
