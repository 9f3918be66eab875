import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { agent, delay, message, text } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";
import { httpAgent } from "../../../src/transport/http/mod.ts";
import { certificates } from "../../support/certificates.ts";

const scope = globalThis as { Deno?: unknown; Bun?: unknown };
const IDLE_MS = 500;
/** A call that takes longer than a connection may be idle. */
const CALL_MS = 1500;
/** In what time a connection has to end. Bun looks at its connections every four seconds. */
const PATIENCE_MS = 30_000;

const slow = agent("slow", async (m) => {
  await delay(Number(text(m)));
  return "done";
});

function envelope(ms: number): string {
  const payload = { message: { role: "user", content: `${ms}`, metadata: {} } };
  return JSON.stringify({ version: "1.0", type: "request", id: "1", payload });
}

/** Asks over HTTP/1.1, and gives what came until the server has ended the connection. */
async function askHttp1(socket: Socket, ready: string): Promise<string> {
  const body = envelope(CALL_MS);
  let got = "";
  socket.on("data", (part) => got += part);
  await once(socket, ready);
  socket.write(
    "POST /process HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n" +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
  await closed(socket);
  return got;
}

/** As {@linkcode askHttp1}, over HTTP/2. */
async function askHttp2(session: ClientHttp2Session): Promise<string> {
  const stream = session.request({
    ":method": "POST",
    ":path": "/process",
    "content-type": "application/json",
  });
  let got = "";
  stream.on("data", (part) => got += part);
  stream.end(envelope(CALL_MS));
  await closed(session);
  return got;
}

async function closed(connection: Socket | ClientHttp2Session): Promise<void> {
  const over = AbortSignal.timeout(PATIENCE_MS);
  try {
    await once(connection, "close", { signal: over });
  } catch {
    assert.fail("the connection is still open");
  } finally {
    connection.destroy();
  }
}

test("serve() ends connections that are idle, and none on which a call runs", async () => {
  // Deno does not let one say how long.
  if (scope.Deno !== undefined) return;
  const { server: tls } = await certificates();
  await using clear = await serve(slow, { port: 0, idleTimeoutMs: IDLE_MS });
  await using secure = await serve(slow, { port: 0, idleTimeoutMs: IDLE_MS, tls });
  const host = "127.0.0.1";
  const options = { host, port: secure.port, rejectUnauthorized: false };
  const answers = await Promise.all([
    askHttp1(connect(clear.port, host), "connect"),
    askHttp1(connectTls(options), "secureConnect"),
    askHttp2(connectHttp2(clear.url)),
    askHttp2(connectHttp2(secure.url, { rejectUnauthorized: false })),
    closed(connectHttp2(clear.url)).then(() => '"done"'),
  ]);
  for (const answer of answers) assert.match(answer, /"done"/);
});

test("serve() takes any time, and none, for how long connections may be idle", async () => {
  for (const idleTimeoutMs of [1000.5, 1e12, Infinity]) {
    await using server = await serve(slow, { port: 0, idleTimeoutMs });
    assert.equal(text(await httpAgent(server.url).process(message("user", "0"))), "done");
  }
});
