import { connect, createServer, type ServerHttp2Session } from "node:http2";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, collect, delay, message, neverBegan, text } from "../../../../mod.ts";
import { grpcAgent, grpcHandler, serveGrpc } from "../../../../src/transport/grpc/mod.ts";
import { destroyLater } from "../../../../src/transport/http2/destroy_later.ts";
import { refuser } from "../../../support/refuser.ts";
import { wiretap } from "../../../support/wiretap.ts";
import { checkCommonOptions } from "../common_options.ts";
import { echoAgent, until } from "../rpc/agents.ts";
import { framed, frameOf, rawCall } from "./raw.ts";

test("serveGrpc() refuses what is no call of gRPC, and serves on", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  const wrong = await rawCall(server.url, { headers: { "content-type": "text/plain" } });
  assert.equal(wrong.status, 415);
  const unknown = await rawCall(server.url, { path: "/agenkit.AgentService/Nope" });
  assert.equal(unknown.grpcStatus, "12");
  assert.match(unknown.grpcMessage ?? "", /no method .*Nope/);
  const elsewhere = await rawCall(server.url, {
    path: "/",
    headers: { "content-type": "application/json" },
  });
  assert.equal(elsewhere.status, 404);
  const good = await rawCall(server.url, { body: frameOf("hi") });
  assert.equal(good.grpcStatus, "0");
  assert.match(new TextDecoder().decode(good.body), /hi/);
});

test("serveGrpc() speaks the JSON of gRPC, and takes POST alone", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  const json = { id: "1", messages: [{ role: "user", content: "hi" }] };
  const asJson = await rawCall(server.url, {
    headers: { "content-type": "application/grpc+json" },
    body: framed(new TextEncoder().encode(JSON.stringify(json))),
  });
  assert.equal(asJson.grpcStatus, "0");
  assert.match(new TextDecoder().decode(asJson.body), /"content":\s*"hi"/);
  assert.equal((await rawCall(server.url, { headers: { ":method": "PUT" } })).status, 405);
});

test("serveGrpc() compresses answers for who compresses, and can read it", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  const content = "x".repeat(5_000);
  const isZipped = async (headers: Record<string, string>) => {
    const { body } = await rawCall(server.url, { headers, body: frameOf(content) });
    assert.equal(body.length < 500, body[0] === 1);
    return body[0] === 1;
  };
  assert.equal(await isZipped({}), false);
  assert.equal(await isZipped({ "grpc-accept-encoding": "gzip" }), false);
  assert.equal(await isZipped({ "grpc-encoding": "gzip" }), true);
  const both = { "grpc-encoding": "gzip", "grpc-accept-encoding": "br, gzip" };
  assert.equal(await isZipped(both), true);
  assert.equal(await isZipped({ ...both, "grpc-accept-encoding": "br" }), false);
});

test("serveGrpc() refuses messages that are none, with a status", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0, maxBytes: 1000 });
  const cases = {
    "nothing at all": [new Uint8Array(), "12"],
    "half a head": [new Uint8Array([0, 0]), "3"],
    "a message cut off": [framed(new Uint8Array(3), { length: 100 }), "3"],
    "no protobuf": [framed(new Uint8Array([0xff, 0xff])), "13"],
    "not UTF-8": [framed(new Uint8Array([0x12, 2, 0xc3, 0x28])), "13"],
    "too large": [frameOf("x".repeat(2000)), "8"],
    "a head that promises 4 GiB": [framed(new Uint8Array(3), { length: 0xffffffff }), "8"],
    "compressed without saying how": [framed(new Uint8Array(3), { flags: 1 }), "13"],
    "two messages": [new Uint8Array([...frameOf("a"), ...frameOf("b")]), "12"],
    "no message in it": [framed(new Uint8Array()), "3"],
  } as const;
  for (const [name, [body, status]] of Object.entries(cases)) {
    const answer = await rawCall(server.url, { body });
    assert.equal(answer.grpcStatus, status, `${name}: ${answer.grpcMessage}`);
  }
  const zstd = await rawCall(server.url, {
    headers: { "grpc-encoding": "zstd" },
    body: frameOf("x"),
  });
  assert.equal(zstd.grpcStatus, "12");
  assert.match(zstd.grpcMessage ?? "", /zstd.*gzip/);
  const broken = await rawCall(server.url, {
    headers: { "grpc-encoding": "gzip" },
    body: framed(new Uint8Array([1, 2, 3]), { flags: 1 }),
  });
  assert.notEqual(broken.grpcStatus, "0");
  assert.equal((await rawCall(server.url, { body: frameOf("hi") })).grpcStatus, "0");
});

test("serveGrpc() takes deadlines as they come: far away, past, unreadable", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  const call = (value: string, content: string) =>
    rawCall(server.url, { headers: { "grpc-timeout": value }, body: frameOf(content) });
  assert.equal((await call("99999999H", "slow")).grpcStatus, "0");
  assert.equal((await call("20m", "hang")).grpcStatus, "4");
  assert.equal((await call("0m", "x")).grpcStatus, "4");
  assert.equal((await call("soon", "x")).grpcStatus, "3");
});

test("serveGrpc() ends the agent of a stream that is reset", async () => {
  const seen = { ended: [] as boolean[], signals: [] as AbortSignal[] };
  await using server = await serveGrpc(echoAgent(seen), { port: 0 });
  await rawCall(server.url, {
    path: "/agenkit.AgentService/ProcessStream",
    body: frameOf("hang after 1"),
    resetAfter: 1,
  });
  await until(() => seen.ended.length === 1 && server.inFlight === 0, "the agent to end");
  assert.deepEqual(seen.ended, [false]);
  assert.equal(seen.signals[0]!.aborted, true);
});

test("serveGrpc() lets a slow client have all, in order", async () => {
  const size = 20_000;
  const many = agent({
    name: "many",
    process: () => "x",
    async *stream() {
      for (let i = 0; i < 200; i++) yield `${i}`.padEnd(size, ".");
    },
  });
  await using server = await serveGrpc(many, { port: 0 });
  for (const compression of [false, true]) {
    await using remote = grpcAgent(server.url, { compression });
    let expected = 0;
    for await (const chunk of remote.stream(message("user", "x"))) {
      assert.equal(text(chunk), `${expected++}`.padEnd(size, "."));
      if (expected % 50 === 0) await delay(20);
    }
    assert.equal(expected, 200);
  }
});

test("serveGrpc() makes no more than a slow client reads, and ends when it leaves", async () => {
  let made = 0;
  const endless = agent({
    name: "endless",
    process: () => "x",
    async *stream() {
      for (;;) {
        made++;
        yield "x".repeat(100_000);
      }
    },
  });
  await using server = await serveGrpc(endless, { port: 0 });
  const session = connect(server.url.replace("grpc:", "http:"));
  destroyLater(session);
  const stream = session.request({
    ":method": "POST",
    ":path": "/agenkit.AgentService/ProcessStream",
    "content-type": "application/grpc",
  });
  stream.on("error", () => {});
  stream.end(frameOf("x"));
  await until(() => made > 0, "the stream to begin");
  // Nobody reads: what was made stays within the windows and buffers.
  let before = -1;
  while (before !== made) {
    before = made;
    await delay(300);
  }
  assert.ok(made < 100, `${made}`);
  stream.close(8);
  await until(() => server.inFlight === 0, "the call to be over");
  session.destroy();
});

test("serveGrpc() does not wait for a request that never arrives", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0, bodyTimeoutMs: 100 });
  const session = connect(server.url.replace("grpc:", "http:"));
  destroyLater(session);
  const stream = session.request({
    ":method": "POST",
    ":path": "/agenkit.AgentService/Process",
    "content-type": "application/grpc",
  });
  stream.write(new Uint8Array([0, 0]));
  const status = await new Promise<unknown>((resolve, reject) => {
    stream.on("trailers", (got) => resolve(got["grpc-status"]));
    stream.on("error", reject);
    stream.on("data", () => {});
    stream.on("close", () => resolve("closed"));
  });
  assert.equal(status, "4");
  session.destroy();
});

test("serveGrpc() that drains lets calls and streams end, takes none, and then closes", async () => {
  const open = Promise.withResolvers<void>();
  const slow = agent({
    name: "slow",
    async process() {
      await open.promise;
      return "done";
    },
    async *stream() {
      yield "a";
      await open.promise;
      yield "b";
    },
  });
  const server = await serveGrpc(slow, { port: 0 });
  await using remote = grpcAgent(server.url);
  const call = remote.process(message("user", "x"));
  const chunks = collect(remote.stream(message("user", "x")));
  await until(() => server.inFlight === 2, "both to run");
  const drained = server.drain();
  await assert.rejects(remote.process(message("user", "x")), (error) => {
    assert.equal((error as { code: string }).code, "unavailable");
    assert.equal(neverBegan(error), true);
    return true;
  });
  open.resolve();
  assert.equal(text(await call), "done");
  assert.deepEqual((await chunks).map(text), ["a", "b"]);
  await drained;
  await server.finished;
  await assert.rejects(remote.process(message("user", "x")), { code: "unavailable" });
});

test("serveGrpc() that is closed cuts what runs at once", async () => {
  const seen = { signals: [] as AbortSignal[] };
  const server = await serveGrpc(echoAgent(seen), { port: 0 });
  await using remote = grpcAgent(server.url);
  const call = remote.process(message("user", "hang"));
  const failed = assert.rejects(call, { code: "unavailable" });
  await until(() => server.inFlight === 1, "it to run");
  await server.close();
  await failed;
  await until(() => seen.signals[0]!.aborted, "the agent's signal to abort");
});

test("serveGrpc() killed while 50 streams run: all fail, the next call connects anew", async () => {
  const first = await serveGrpc(echoAgent(), { port: 0 });
  await using remote = grpcAgent(first.url);
  let begun = 0;
  const streams = Array.from({ length: 50 }, async () => {
    for await (const _ of remote.stream(message("user", "hang after 1"))) begun++;
  });
  const ended = Promise.allSettled(streams);
  await until(() => begun === 50, "all streams to begin");
  await first.close();
  for (const outcome of await ended) {
    assert.equal(outcome.status, "rejected");
    assert.equal(outcome.reason.code, "unavailable", String(outcome.reason));
  }
  await using _ = await serveGrpc(echoAgent(), { port: first.port });
  assert.equal(text(await remote.process(message("user", "x"))), "x");
});

test("grpcAgent() shares one connection, and makes a new one after close()", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await using remote = grpcAgent(server.url);
  const many = Array.from({ length: 100 }, (_, i) => remote.process(message("user", `m ${i}`)));
  assert.deepEqual((await Promise.all(many)).map(text), many.map((_, i) => `m ${i}`));
  const hanging = remote.process(message("user", "hang"));
  const failed = assert.rejects(hanging);
  await until(() => server.inFlight === 1, "it to run");
  remote.close();
  await failed;
  assert.equal(text(await remote.process(message("user", "again"))), "again");
});

test("grpcAgent() that is closed while it connects fails what waits", async () => {
  const silent = createTcpServer();
  await new Promise<void>((resolve) => void silent.listen(0, "127.0.0.1", resolve));
  const remote = grpcAgent(`grpc://127.0.0.1:${(silent.address() as AddressInfo).port}`);
  const accepted = new Promise<Socket>((resolve) => silent.once("connection", resolve));
  const failed = assert.rejects(remote.process(message("user", "x")), { code: "cancelled" });
  const socket = await accepted;
  remote.close();
  await failed;
  socket.destroy();
  silent.close();
});

test("grpcAgent() outlives a server that sends its connections away after each call", async () => {
  let sessions = 0;
  const http2 = createServer();
  http2.on("request", grpcHandler(echoAgent()));
  http2.on("session", (session: ServerHttp2Session) => {
    destroyLater(session);
    sessions++;
    session.on("stream", (stream) => stream.once("close", () => session.close()));
  });
  await new Promise<void>((resolve) => void http2.listen(0, "127.0.0.1", resolve));
  await using remote = grpcAgent(`grpc://127.0.0.1:${(http2.address() as AddressInfo).port}`);
  try {
    for (let call = 1; call <= 20; call++) {
      assert.equal(text(await remote.process(message("user", `call ${call}`))), `call ${call}`);
      await until(() => sessions >= call, "a connection for each call");
      if (call % 2 === 0) await delay(5);
    }
  } finally {
    await remote[Symbol.asyncDispose]();
    await new Promise((resolve) => http2.close(resolve));
  }
});

test("grpcAgent() sends once more what a server refused unread", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  for (const method of ["process", "stream"] as const) {
    await using front = await refuser(server.port);
    await using remote = grpcAgent(`grpc://127.0.0.1:${front.port}`);
    if (method === "process") {
      assert.equal(text(await remote.process(message("user", "x"))), "x");
    } else {
      const chunks = await collect(remote.stream(message("user", "y")));
      assert.deepEqual(chunks.map(text), ["y 0", "y 1", "y 2"]);
    }
    assert.equal(front.refused, 1);
  }
});

test("grpcAgent() tells that a server refuses all unread, and that nothing was begun", async () => {
  await using never = await refuser();
  await using remote = grpcAgent(`grpc://127.0.0.1:${never.port}`);
  const ask = message("user", "x");
  for (const call of [() => remote.process(ask), () => collect(remote.stream(ask))]) {
    await assert.rejects(call(), (error) => {
      assert.equal((error as { code: string }).code, "unavailable", String(error));
      assert.equal(neverBegan(error), true, String(error));
      return true;
    });
  }
  assert.equal(never.refused, 4);
});

test("grpcAgent() with keepalive asks a silent server, and gives up one that is gone", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await using tap = await wiretap(server.port);
  await using remote = grpcAgent(`grpc://127.0.0.1:${tap.port}`, {
    keepaliveMs: 50,
    keepaliveTimeoutMs: 1_000,
  });
  const alive = new AbortController();
  const waiting = remote.process(message("user", "hang"), { signal: alive.signal });
  const cancelled = assert.rejects(waiting, { name: "AbortError" });
  await delay(1_300);
  assert.equal(server.inFlight, 1, "a server that answers pings was given up");
  alive.abort();
  await cancelled;
  const lost = remote.process(message("user", "hang"));
  const failed = assert.rejects(lost, { code: "unavailable", message: /ping within 1000 ms/ });
  await until(() => server.inFlight === 1, "it to run");
  tap.silence();
  await failed;
  tap.unsilence();
  assert.equal(text(await remote.process(message("user", "again"))), "again");
});

test("grpcAgent() tells that nobody listens", async () => {
  const server = await serveGrpc(echoAgent(), { port: 0 });
  await server.close();
  await using remote = grpcAgent(server.url);
  await assert.rejects(remote.process(message("user", "x")), (error) => {
    assert.equal((error as { code: string }).code, "unavailable");
    assert.equal(neverBegan(error), true);
    return true;
  });
});

test("grpcAgent() and serveGrpc() keep messages of up to 4 MiB, compressed or not", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  const large = "x".repeat(3_900_000);
  for (const compression of [false, true]) {
    await using remote = grpcAgent(server.url, { compression });
    assert.equal((await remote.process(message("user", large))).content, large);
    await assert.rejects(remote.process(message("user", `${large}${large}`)), {
      code: "resource_exhausted",
      retryable: false,
    });
    await using generous = grpcAgent(server.url, { compression, maxBytes: 10 << 20 });
    await assert.rejects(generous.process(message("user", `${large}${large}`)), {
      code: "resource_exhausted",
      retryable: false,
    });
  }
});

test("grpcAgent() refuses bad URLs and options at construction, by name", () => {
  checkCommonOptions("call over gRPC", (options) => grpcAgent("grpc://host:1", options), "host:1");
  assert.throws(() => grpcAgent("grpc://x", { compression: "gzip" as never }), {
    message: `Cannot call over gRPC as 'compression' must be a boolean: current value is "gzip"`,
  });
  for (const url of ["ws://x", "x", "", "grpc://", "grpc:x"]) {
    assert.throws(() => grpcAgent(url), { name: "TypeError", message: /'url' must be like grpc/ });
  }
  for (
    const name of ["timeoutMs", "maxBytes", "keepaliveMs", "keepaliveTimeoutMs", "idleTimeoutMs"]
  ) {
    assert.throws(() => grpcAgent("grpc://x", { [name]: 0 }), {
      message: new RegExp(`'${name}' must be a positive`),
    });
  }
  assert.throws(() => grpcAgent("grpc://user:secret@host"), /must not hold a user or password/);
  assert.throws(() => grpcAgent("ftp://user:secret@host"), /"ftp:\/\/\*\*\*@host"/);
  assert.throws(() => grpcAgent("grpc://x", { tls: {} }), /'tls' needs a grpcs:/);
  assert.equal(grpcAgent("grpc://localhost").name, "localhost");
  assert.equal(grpcAgent("grpc://[::1]:50052").name, "[::1]:50052");
});

test("serveGrpc() refuses bad agents and options at construction, and a port that is taken", async () => {
  await assert.rejects(serveGrpc([]), /expected at least one agent/);
  await assert.rejects(serveGrpc(echoAgent(), { port: -1 }), /'port' must be/);
  await assert.rejects(serveGrpc(echoAgent(), { drainTimeoutMs: 0 }), /'drainTimeoutMs' must be/);
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await assert.rejects(serveGrpc(echoAgent(), { port: server.port }), {
    code: "unavailable",
    message: /Cannot listen at 127\.0\.0\.1/,
  });
});
