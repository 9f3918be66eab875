/**
 * The two sides of many idle connections, each in a process of its own:
 * `server` prints its URL, and its memory for each line that it reads;
 * `client <url> <count>` connects, makes one call on each connection, prints a
 * line, and holds them until its input ends.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import process from "node:process";
import { agent, message, text } from "../../mod.ts";
import { encodeRequest } from "../../src/protocol/encode.ts";
import { writeFrame } from "../../src/protocol/frame.ts";
import { serveSocket } from "../../src/transport/socket/mod.ts";

/** How many connections are made at once. */
const AT_ONCE = 100;

async function server(): Promise<void> {
  const echo = agent("echo", (m) => text(m));
  const { url } = await serveSocket(echo, "tcp://127.0.0.1:0", { idleTimeoutMs: 600_000 });
  console.log(url);
  process.stdin.on("data", () => {
    (globalThis as { gc?: () => void }).gc?.();
    console.log(process.memoryUsage().rss);
  });
  process.stdin.on("end", () => process.exit(0));
}

async function client(url: string, count: number): Promise<void> {
  const frame = writeFrame(
    encodeRequest({ id: "1", method: "process", message: message("user", "hello") }),
  );
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(frame));
      let got = Buffer.alloc(0);
      socket.on("error", reject);
      socket.on("data", (chunk: Uint8Array) => {
        got = Buffer.concat([got, chunk]);
        if (got.length >= 4 && got.length === 4 + got.readUInt32BE()) resolve();
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
