import type { Http2Session, Settings } from "node:http2";

/**
 * How much may be on its way of one stream, unread, in bytes. HTTP/2's default
 * of 64 KiB would make 1 MiB wait for sixteen round trips.
 */
const STREAM_WINDOW = 1024 * 1024;

/** The same for all streams of a connection together. */
const CONNECTION_WINDOW = 4 * STREAM_WINDOW;

/** What either side of a connection tells the other. */
export const SETTINGS: Settings = { initialWindowSize: STREAM_WINDOW };

/** Lets the streams of a session together have more on their way than one may by default. */
export function widen(session: Http2Session): void {
  // Bun 1.4 stops reading after this.
  if ("Bun" in globalThis) return;
  session.setLocalWindowSize(CONNECTION_WINDOW);
}
