/**
 * The two sides of many idle WebSockets, each in a process of its own:
 * `server` prints its URL, and its memory for each line that it reads;
 * `client <url> <count>` connects, makes one call on each connection, prints a
 * line, and holds them until its input ends.
 *
 * @module
 */
import { connect } from "node:net";
import process from "node:process";
import { agent, message, text } from "../../mod.ts";
import { encodeRequest } from "../../src/protocol/encode.ts";
import { serve } from "../../src/serve/mod.ts";

/** How many connections are made at once. */
const AT_ONCE = 100;

async function server(): Promise<void> {
  const echo = agent("echo", (m) => text(m));
  const { url } = await serve(echo, { port: 0, websocket: { idleTimeoutMs: 600_000 } });
  console.log(url);
  process.stdin.on("data", () => {
    (globalThis as { gc?: () => void }).gc?.();
    console.log(process.memoryUsage().rss);
  });
  process.stdin.on("end", () => process.exit(0));
}

/** A request as a client's frame, masked with zeros. */
function frameOf(text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  return new Uint8Array([0x81, 0xfe, body.length >> 8, body.length & 255, 0, 0, 0, 0, ...body]);
}

async function client(url: string, count: number): Promise<void> {
  const frame = frameOf(
    encodeRequest({ id: "1", method: "process", message: message("user", "hello") }),
  );
  const handshake = `GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n` +
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
    "Sec-WebSocket-Version: 13\r\n\r\n";
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const port = Number(new URL(url).port);
      const socket = connect(port, "127.0.0.1", () => socket.write(handshake));
      let came = "";
      socket.on("error", reject);
      socket.on("data", (chunk: Uint8Array) => {
        const upgraded = came.includes("\r\n\r\n");
        came += new TextDecoder().decode(chunk);
        if (!upgraded && came.includes("\r\n\r\n")) socket.write(frame);
        if (came.includes('"content":"hello"')) resolve();
      });
    });
  const lane = async () => {
    for (let i = 0; i < count / AT_ONCE; i++) await one();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  console.log("connected");
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}

const [role, url, count] = process.argv.slice(2);
await (role === "server" ? server() : client(url!, Number(count)));
