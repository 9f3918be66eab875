import { test } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:tls";
import {
  agent,
  collect,
  delay,
  type Message,
  message,
  type StreamingAgent,
  text,
} from "../../../mod.ts";
import { type AgentServer, serve } from "../../../src/serve/mod.ts";
import { grpcAgent } from "../../../src/transport/grpc/mod.ts";
import { http2Agent, http2Fetch } from "../../../src/transport/http2/mod.ts";
import { rpcAgent } from "../../../src/transport/rpc/mod.ts";
import { webSocketAgent } from "../../../src/transport/websocket/mod.ts";
import { certificates } from "../../support/certificates.ts";
import { wiretap } from "../../support/wiretap.ts";
import { rejection } from "../rejection.ts";

const LARGE = "å".repeat(1_000_000);

const counting = agent({
  name: "counting",
  process: (m) => `Echo: ${text(m)}`,
  async *stream(m) {
    for (let index = 0; index < Number(text(m)); index++) {
      await delay(10);
      yield `chunk ${index}`;
    }
  },
});

/** Calls a server by every protocol at its one port. */
async function callAll(server: AgentServer, ca?: string): Promise<void> {
  const at = server.url.replace("127.0.0.1", "localhost");
  const tls = ca === undefined ? undefined : { ca };
  await using fetch2 = http2Fetch({ tls });
  await using http2 = http2Agent(at, { tls });
  await using grpc = grpcAgent(at.replace("http", "grpc"), { tls });
  // What takes no authority of its own everywhere is only called in cleartext.
  await using socket = webSocketAgent(`${at.replace("http", "ws")}/ws`);
  const agents = {
    http2,
    grpc,
    connect: rpcAgent(at, { fetch: fetch2 }),
    web: rpcAgent(at, { fetch: fetch2, protocol: "grpc-web" }),
    ...(ca === undefined
      ? { connect1: rpcAgent(at), web1: rpcAgent(at, { protocol: "grpc-web" }), socket }
      : undefined),
  };
  for (const [protocol, remote] of Object.entries(agents)) {
    assert.equal(text(await remote.process(message("user", "hello"))), "Echo: hello", protocol);
    const chunks = await collect(remote.stream(message("user", "5")));
    assert.deepEqual(chunks.map(text), [0, 1, 2, 3, 4].map((i) => `chunk ${i}`), protocol);
  }
  const large = await Promise.all(
    [http2, grpc].map(async (remote) => text(await remote.process(message("user", LARGE)))),
  );
  for (const answer of large) assert.ok(answer === `Echo: ${LARGE}`);
  assert.equal(http2.protocol, ca === undefined ? "h2c" : "h2");
}

test("serve() with grpc: 'shared' speaks everything at one cleartext port", async () => {
  await using server = await serve(counting, { port: 0, grpc: "shared" });
  await callAll(server);
  const { url } = server;
  assert.deepEqual(server.endpoints, [url, url.replace("http", "grpc"), url.replace("http", "ws")]);
  await using tap = await wiretap(server.port);
  const response = await fetch(`http://127.0.0.1:${tap.port}/health`);
  assert.deepEqual(await response.json(), { status: "ok" });
  await using remote = grpcAgent(`grpc://127.0.0.1:${tap.port}`);
  assert.equal(text(await remote.process(message("user", "hello"))), "Echo: hello");
  assert.deepEqual(tap.taps, [
    { client: "http/1.1", server: "http/1.1" },
    { client: "h2", server: "h2" },
  ]);
});

test("serve() with grpc: 'shared' speaks everything at one TLS port", async () => {
  const { ca, server: tls } = await certificates();
  await using server = await serve(counting, { port: 0, tls, grpc: "shared" });
  await callAll(server, ca);
  assert.match(await handshake(server.port, ca), /^HTTP\/1\.1 101 /);
});

/** What is answered to the handshake of a WebSocket over TLS. */
function handshake(port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "localhost", ca, ALPNProtocols: ["http/1.1"] };
    const socket = connect(options, () => {
      socket.write(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
    });
    socket.once("error", reject);
    socket.once("data", (bytes: Uint8Array) => {
      resolve(new TextDecoder().decode(bytes));
      socket.destroy();
    });
  });
}

/** A stream of which its caller reads the first chunk by `next()`. */
function started(remote: StreamingAgent, count: string): AsyncGenerator<Message> {
  return remote.stream(message("user", count)) as AsyncGenerator<Message>;
}

test("serve() with grpc: 'shared' lets streams of every protocol end when it drains", async () => {
  const server = await serve(counting, { port: 0, grpc: "shared" });
  await using grpc = grpcAgent(server.url);
  await using http2 = http2Agent(server.url);
  const streams = [grpc, http2, rpcAgent(server.url)].map((remote) => started(remote, "30"));
  for (const stream of streams) await stream.next();
  assert.equal(server.inFlight, 3);
  const drained = server.drain();
  for (const stream of streams) assert.equal((await collect(stream)).length, 29);
  await drained;
  assert.equal(
    (await rejection(rpcAgent(server.url).process(message("user", "x")))).code,
    "unavailable",
  );
});

test("serve() with grpc: 'shared' cuts what runs when it closes", async () => {
  const server = await serve(counting, { port: 0, grpc: "shared" });
  await using grpc = grpcAgent(server.url);
  const remotes = [grpc, rpcAgent(server.url)];
  const streams = remotes.map((remote) => started(remote, "10000"));
  for (const stream of streams) await stream.next();
  const ends = streams.map((stream) => rejection(collect(stream)));
  await server.close();
  for (const end of ends) assert.equal((await end).code, "unavailable");
  for (let attempt = 0; server.inFlight > 0; attempt++) {
    assert.ok(attempt < 100, "the agents did not learn that their callers are gone");
    await delay(20);
  }
});

test("serve() has no HTTP/3 at a port that it shares with gRPC", async () => {
  const { server: tls } = await certificates();
  const error = await rejection(serve(counting, { port: 0, tls, http3: true, grpc: "shared" }));
  assert.match(String(error), /http3|HTTP\/3/);
});
