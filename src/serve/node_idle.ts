import type { Http2Session } from "node:http2";

/** Ends an HTTP/2 session on which no call has run for a while: Node keeps them for ever. */
export function endWhenIdle(session: Http2Session, idleTimeoutMs: number): void {
  let calls = 0;
  session.on("stream", (stream) => {
    calls++;
    stream.once("close", () => {
      calls--;
      // The agent may have been at work for longer than that.
      session.setTimeout(idleTimeoutMs);
    });
  });
  session.on("timeout", () => {
    if (calls === 0) session.close();
  });
  session.setTimeout(idleTimeoutMs);
}
