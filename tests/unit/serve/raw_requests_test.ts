import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { agent, text } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";

const echo = agent("echo", (m) => `Echo: ${text(m)}`);

/** Sends a request by hand, and gives the status line and the body of the answer. */
async function ask(port: number, head: string, body = ""): Promise<[string, string]> {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  socket.on("data", (part) => got += part);
  await once(socket, "connect");
  socket.write(`${head.replaceAll("\n", "\r\n")}\r\nconnection: close\r\n\r\n${body}`);
  await once(socket, "close");
  const end = got.indexOf("\r\n\r\n");
  return [got.slice(0, got.indexOf("\r\n")), got.slice(end + 4)];
}

test("serve() answers health checks of HTTP/1.0 without a host, and URLs written in full", async () => {
  await using server = await serve(echo, { port: 0 });
  for (
    const head of ["GET /health HTTP/1.0", "GET http://other.example/health HTTP/1.1\nhost: x"]
  ) {
    const [status, body] = await ask(server.port, head);
    assert.match(status, / 200 /, head);
    assert.match(body, /"status":"ok"/);
  }
  const envelope = '{"payload":{"message":{"role":"user","content":"hi"}}}';
  const length = `content-length: ${envelope.length}`;
  const [, answer] = await ask(server.port, `POST /process HTTP/1.0\n${length}`, envelope);
  assert.match(answer, /"Echo: hi"/);
});

test("serve() tells what is wrong with a request that the runtime cannot make one of", async () => {
  await using server = await serve(echo, { port: 0 });
  for (
    const head of ["TRACE /process HTTP/1.1\nhost: x", "POST /nowhere HTTP/1.1\nhost: bad host"]
  ) {
    const [status, body] = await ask(server.port, head);
    assert.match(status, / 4\d\d /, head);
    const { type, payload } = JSON.parse(body.slice(body.indexOf("{"), body.lastIndexOf("}") + 1));
    assert.equal(type, "error");
    assert.match(payload.error_message, /^(?:Cannot|There is nothing at)/);
  }
});
