/**
 * Opens many connections of HTTP/2 to a server of the tests' agents, a few at a
 * time, and leaves each with a GOAWAY: after its calls, after one was reset, or
 * with an error. Runs on Node, whose `node:http2` bears that, and prints how
 * many of the connections came about.
 *
 *     leaving_clients.ts PORT CONNECTIONS
 *
 * @module
 */
import { type ClientHttp2Session, connect, constants } from "node:http2";
import process from "node:process";

const [port, connections] = process.argv.slice(2).map(Number) as [number, number];
const AT_ONCE = 16;
const LEAVINGS = ["politely", "after a reset", "with an error"] as const;

let next = 0;
let made = 0;
await Promise.all(Array.from({ length: AT_ONCE }, async () => {
  while (next < connections) {
    if (await comeAndLeave(next++)) made++;
    else next = connections;
  }
}));
console.log(made);

/** Makes a few calls on a connection of their own, and leaves. */
async function comeAndLeave(turn: number): Promise<boolean> {
  const session = connect(`http://127.0.0.1:${port}`);
  let broken = false;
  session.on("error", () => broken = true);
  const closed = new Promise<void>((resolve) => session.once("close", resolve));
  const leaving = LEAVINGS[turn % LEAVINGS.length]!;
  const calls = Array.from(
    { length: 1 + turn % 5 },
    (_, index) => call(session, leaving === "after a reset" && index === 0),
  );
  await Promise.race([Promise.all(calls), closed]);
  if (leaving === "with an error") session.destroy(undefined, constants.NGHTTP2_INTERNAL_ERROR);
  else session.close();
  await closed;
  return !broken;
}

function call(session: ClientHttp2Session, reset: boolean): Promise<void> {
  return new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/process",
      "content-type": "application/json",
    });
    stream.on("error", () => {});
    stream.once("close", resolve);
    stream.resume();
    stream.end("not an envelope");
    if (reset) setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), 2);
  });
}
