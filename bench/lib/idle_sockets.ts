/**
 * The two sides of many idle connections; see `idle_sides.ts`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { agent, message, text } from "../../mod.ts";
import { encodeRequest } from "../../src/protocol/encode.ts";
import { writeFrame } from "../../src/protocol/frame.ts";
import { serveSocket } from "../../src/transport/socket/mod.ts";
import { playSide } from "./idle_sides.ts";

const frame = writeFrame(
  encodeRequest({ id: "1", method: "process", message: message("user", "hello") }),
);

async function serveEcho(): Promise<string> {
  const echo = agent("echo", (m) => text(m));
  return (await serveSocket(echo, "tcp://127.0.0.1:0", { idleTimeoutMs: 600_000 })).url;
}

function callOnce(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(frame));
    let got = Buffer.alloc(0);
    socket.on("error", reject);
    socket.on("data", (chunk: Uint8Array) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= 4 && got.length === 4 + got.readUInt32BE()) resolve();
    });
  });
}

await playSide(serveEcho, callOnce);
