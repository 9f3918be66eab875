import { test } from "node:test";
import assert from "node:assert/strict";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { agent, collect, message, text } from "../../../../mod.ts";
import { serve } from "../../../../src/serve/mod.ts";
import { remoteAgent } from "../../../../src/remote/mod.ts";
import { http2Agent } from "../../../../src/transport/http2/mod.ts";
import { certificates } from "../../../support/certificates.ts";
import { wiretap } from "../../../support/wiretap.ts";
import { rejection } from "../../rejection.ts";

const counting = agent({
  name: "counting",
  capabilities: ["count"],
  process: (m) => `Echo: ${text(m)}`,
  async *stream(m) {
    for (let index = 0; index < Number(text(m)); index++) yield `chunk ${index}`;
  },
});

test("http2Agent() calls and streams over prior-knowledge HTTP/2, as both sides show", async () => {
  await using server = await serve(counting, { port: 0 });
  await using tap = await wiretap(server.port);
  await using remote = http2Agent(`h2c://127.0.0.1:${tap.port}/`, { capabilities: ["count"] });
  assert.equal(remote.protocol, undefined);
  assert.equal(text(await remote.process(message("user", "hello"))), "Echo: hello");
  const chunks = await collect(remote.stream(message("user", "150")));
  assert.deepEqual(chunks.map(text), Array.from({ length: 150 }, (_, index) => `chunk ${index}`));
  assert.equal(remote.protocol, "h2c");
  assert.deepEqual(tap.taps, [{ client: "h2", server: "h2" }]);
  assert.deepEqual(remote.capabilities, ["count"]);
});

test("serve() speaks HTTP/1.1 on the port where it speaks HTTP/2", async () => {
  await using server = await serve(counting, { port: 0 });
  await using tap = await wiretap(server.port);
  const response = await fetch(`http://127.0.0.1:${tap.port}/health`);
  assert.deepEqual(await response.json(), { status: "ok" });
  assert.deepEqual(tap.taps, [{ client: "http/1.1", server: "http/1.1" }]);
});

test("remoteAgent() of an h2c:// URL speaks HTTP/2", async () => {
  await using server = await serve(counting, { port: 0 });
  await using tap = await wiretap(server.port);
  await using remote = remoteAgent(`h2c://127.0.0.1:${tap.port}`);
  assert.equal(text(await remote.process(message("user", "hello"))), "Echo: hello");
  assert.deepEqual(tap.taps, [{ client: "h2", server: "h2" }]);
});

test("http2Agent() speaks HTTP/2 over TLS as ALPN has it, and verifies", async () => {
  const { ca, server: tls, strangerCa } = await certificates();
  await using server = await serve(counting, { port: 0, tls });
  const url = `https://localhost:${server.port}`;
  await using remote = http2Agent(url, { tls: { ca } });
  assert.equal(text(await remote.process(message("user", "hello"))), "Echo: hello");
  assert.equal((await collect(remote.stream(message("user", "3")))).length, 3);
  assert.equal(remote.protocol, "h2");
  // What the server chooses of both.
  assert.equal(await alpnOf(server.port, ca), "h2");

  for (const trusting of [{}, { tls: { ca: strangerCa } }, { tls: { ca, serverName: "other" } }]) {
    await using distrustful = http2Agent(url, trusting);
    const error = await rejection(distrustful.process(message("user", "hello")));
    assert.equal(error.code, "unavailable");
    assert.match(
      error.message,
      /certificate|unable to verify|altnames|UnknownIssuer|NotValidForName|TLS/i,
    );
  }
});

test("http2Agent() falls back to HTTP/1.1 over TLS, and shows its certificate", async () => {
  const { ca, server: identity, client } = await certificates();
  const server = createHttpsServer(
    { ...identity, ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      response.writeHead(503).end(`HTTP/${request.httpVersion}`);
    },
  );
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  try {
    await using remote = http2Agent(url, { tls: { ca, ...client } });
    const error = await rejection(remote.process(message("user", "hello")));
    assert.match(error.message, /HTTP 503: HTTP\/1\.1/);
    assert.equal(remote.protocol, "http/1.1");
    await using anonymous = http2Agent(url, { tls: { ca } });
    assert.equal(
      (await rejection(anonymous.process(message("user", "hello")))).code,
      "unavailable",
    );
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("http2Agent() refuses an address that is not HTTP", () => {
  for (const url of ["ftp://localhost", "localhost:8080", ""]) {
    assert.throws(() => http2Agent(url), TypeError);
  }
});

function alpnOf(port: number, ca: string): Promise<string | false | null> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "localhost", ca, ALPNProtocols: ["h2", "http/1.1"] };
    const socket = connectTls(options, () => {
      resolve(socket.alpnProtocol);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("serve() answers who offers h2c by Upgrade over HTTP/1.1", async () => {
  await using server = await serve(counting, { port: 0 });
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(server.port, "127.0.0.1", () => {
      socket.write(
        "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n" +
          "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
      );
    });
    socket.once("error", reject);
    socket.once("data", (bytes: Uint8Array) => {
      resolve(new TextDecoder().decode(bytes));
      socket.destroy();
    });
  });
  assert.match(answer, /^HTTP\/1\.1 200 /);
});
