import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, collect, delay, message, text } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";
import { grpcAgent } from "../../../src/transport/grpc/mod.ts";
import { httpAgent } from "../../../src/transport/http/mod.ts";
import { rpcAgent } from "../../../src/transport/rpc/mod.ts";

const words = agent({
  name: "words",
  process: (m) => text(m),
  async *stream(m) {
    for (const word of text(m).split(" ")) {
      await delay(5);
      yield word;
    }
  },
});
const ask = message("user", "a b c");

test("serve() answers HTTP, Connect and gRPC-Web at one port, and gRPC at another", async () => {
  await using server = await serve(words, { port: 0, grpc: { port: 0 } });
  const [url, grpc] = server.endpoints;
  assert.equal(url, server.url);
  assert.match(grpc!, /^grpc:\/\/127\.0\.0\.1:\d+$/);
  await using overGrpc = grpcAgent(grpc!);
  for (
    const remote of [
      httpAgent(url!),
      rpcAgent(url!),
      rpcAgent(url!, { protocol: "grpc-web" }),
      overGrpc,
    ]
  ) {
    assert.equal(text(await remote.process(ask)), "a b c");
    assert.deepEqual((await collect(remote.stream(ask))).map(text), ["a", "b", "c"]);
  }
});

test("serve() hands chunks of RPC streams on as they come, and sees their readers leave", async () => {
  const ended: boolean[] = [];
  const endless = agent({
    name: "endless",
    process: () => "x",
    async *stream(_, call) {
      try {
        for (;;) {
          yield "chunk";
          await delay(10, { signal: call.signal! });
        }
      } finally {
        ended.push(call.signal!.aborted);
      }
    },
  });
  await using server = await serve(endless, { port: 0 });
  for (const protocol of ["connect", "grpc-web"] as const) {
    const remote = rpcAgent(server.url, { protocol });
    let got = 0;
    for await (const _ of remote.stream(ask)) {
      if (++got === 3) break;
    }
  }
  for (let i = 0; i < 500 && ended.length < 2; i++) await delay(10);
  assert.deepEqual(ended, [true, true]);
  for (let i = 0; i < 500 && server.inFlight > 0; i++) await delay(10);
  assert.equal(server.inFlight, 0);
});

test("serve() drains and counts the calls of all", async () => {
  const open = Promise.withResolvers<void>();
  const gated = agent("gated", async (m) => {
    await open.promise;
    return text(m);
  });
  const server = await serve(gated, { port: 0, grpc: { port: 0 } });
  const [url, grpc] = server.endpoints;
  await using overGrpc = grpcAgent(grpc!);
  const slow = message("user", "slow");
  const calls = [httpAgent(url!), rpcAgent(url!), overGrpc].map((remote) => remote.process(slow));
  for (let i = 0; i < 500 && server.inFlight < 3; i++) await delay(5);
  assert.equal(server.inFlight, 3);
  const drained = server.drain();
  open.resolve();
  assert.deepEqual((await Promise.all(calls)).map(text), ["slow", "slow", "slow"]);
  await drained;
  await assert.rejects(overGrpc.process(ask), { code: "unavailable" });
});

test("serve() without 'rpc' answers none of it, and says so", async () => {
  await using server = await serve(words, { port: 0, rpc: false });
  await assert.rejects(rpcAgent(server.url).process(ask), { name: "RemoteError" });
});

test("serve() closes HTTP again if gRPC cannot listen", async () => {
  await using first = await serve(words, { port: 0, grpc: { port: 0 } });
  const taken = Number(new URL(first.endpoints[1]!).port);
  await assert.rejects(serve(words, { port: 0, grpc: { port: taken } }), { code: "unavailable" });
});
