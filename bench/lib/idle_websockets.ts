/**
 * The two sides of many idle WebSockets; see `idle_sides.ts`.
 *
 * @module
 */
import { connect } from "node:net";
import { agent, message, text } from "../../mod.ts";
import { encodeRequest } from "../../src/protocol/encode.ts";
import { serve } from "../../src/serve/mod.ts";
import { playSide } from "./idle_sides.ts";

const HANDSHAKE = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n" +
  "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
  "Sec-WebSocket-Version: 13\r\n\r\n";

const frame = frameOf(
  encodeRequest({ id: "1", method: "process", message: message("user", "hello") }),
);

/** A request as a client's frame, masked with zeros. */
function frameOf(text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  return new Uint8Array([0x81, 0xfe, body.length >> 8, body.length & 255, 0, 0, 0, 0, ...body]);
}

async function serveEcho(): Promise<string> {
  const echo = agent("echo", (m) => text(m));
  return (await serve(echo, { port: 0, websocket: { idleTimeoutMs: 600_000 } })).url;
}

function callOnce(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const port = Number(new URL(url).port);
    const socket = connect(port, "127.0.0.1", () => socket.write(HANDSHAKE));
    let came = "";
    socket.on("error", reject);
    socket.on("data", (chunk: Uint8Array) => {
      const upgraded = came.includes("\r\n\r\n");
      came += new TextDecoder().decode(chunk);
      if (!upgraded && came.includes("\r\n\r\n")) socket.write(frame);
      if (came.includes('"content":"hello"')) resolve();
    });
  });
}

await playSide(serveEcho, callOnce);
