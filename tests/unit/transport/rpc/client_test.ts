import { test } from "node:test";
import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import { message, RemoteError, text } from "../../../../mod.ts";
import { StreamChunkSchema } from "../../../../src/gen/agent_pb.ts";
import { rpcAgent, type RpcAgentOptions } from "../../../../src/transport/rpc/mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import { joined, until } from "./agents.ts";

const ask = message("user", "x");

/** An agent whose server always answers with the same. */
function answering(body: BodyInit | null, init: ResponseInit, options: RpcAgentOptions = {}) {
  return joined(() => Promise.resolve(new Response(body, init)), options);
}

const proto = { headers: { "content-type": "application/proto" } };
const stream = { headers: { "content-type": "application/connect+proto" } };

function framed(bytes: Uint8Array, flags = 0): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(5 + bytes.length);
  whole[0] = flags;
  new DataView(whole.buffer).setUint32(1, bytes.length);
  whole.set(bytes, 5);
  return whole;
}

test("rpcAgent() makes an error of answers that are none of an agent", async () => {
  const page = answering("<html>", { status: 502, headers: { "content-type": "text/html" } });
  await assert.rejects(page.process(ask), (error) => {
    assert.ok(error instanceof RemoteError);
    assert.equal(error.code, "unavailable");
    return true;
  });
  await assert.rejects(answering("x", proto).process(ask), { code: "internal" });
  await assert.rejects(answering("x", { headers: { "content-type": "text/plain" } }).process(ask), {
    name: "RemoteError",
  });
  await assert.rejects(answering(null, proto).process(ask), { code: "internal" });
});

test("rpcAgent() keeps the code and text of errors that others write", async () => {
  const said = JSON.stringify({ code: "permission_denied", message: "no" });
  const headers = { "content-type": "application/json" };
  await assert.rejects(answering(said, { status: 403, headers }).process(ask), {
    code: "permission_denied",
    message: "no",
  });
  const end = framed(new TextEncoder().encode(`{"error":${said}}`), 2);
  await assert.rejects(Array.fromAsync(answering(end, stream).stream(ask)), {
    code: "permission_denied",
  });
});

test("rpcAgent() finds out that a stream was cut off", async () => {
  const chunk = framed(toBinary(
    StreamChunkSchema,
    create(StreamChunkSchema, { id: "unknown", type: 1, message: { content: "a" } }),
  ));
  const bodies = [
    chunk,
    chunk.subarray(0, 7),
    new Uint8Array([...chunk, ...framed(new TextEncoder().encode("{}"), 2)]),
  ];
  for (const body of bodies) {
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const part of answering(body, stream).stream(ask)) got.push(text(part));
    }, { code: "unavailable" });
    assert.deepEqual(got, body.length < chunk.length ? [] : ["a"]);
  }
});

test("rpcAgent() that cannot reach the server is unavailable", async () => {
  const remote = joined(() => Promise.reject(new TypeError("fetch failed")));
  await assert.rejects(remote.process(ask), { code: "unavailable", message: /fetch failed/ });
  await assert.rejects(Array.fromAsync(remote.stream(ask)), { code: "unavailable" });
});

test("rpcAgent() does not wait longer than it may, for an answer and for a chunk", async () => {
  const clock = new TestClock();
  const signals: (AbortSignal | null | undefined)[] = [];
  const remote = rpcAgent("http://localhost", {
    clock,
    timeoutMs: 1_000,
    fetch: (_, init) => {
      signals.push(init.signal);
      return new Promise(() => {});
    },
  });
  for (const call of [() => remote.process(ask), () => Array.fromAsync(remote.stream(ask))]) {
    const failed = assert.rejects(call(), { name: "TimeoutError", message: /within 1000 ms/ });
    await until(() => clock.pending > 0, "the call to be timed");
    await clock.advance(1_000);
    await failed;
    assert.equal(signals.at(-1)!.aborted, true);
  }
});

test("rpcAgent() that was aborted before sends nothing", async () => {
  let sent = 0;
  const remote = joined(() => {
    sent++;
    return Promise.resolve(new Response());
  });
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(remote.process(ask, { signal }), reason);
  await assert.rejects(Array.fromAsync(remote.stream(ask, { signal })), reason);
  assert.equal(sent, 0);
});

test("rpcAgent() sends the headers it is given, and those it makes for a call", async () => {
  const seen: (string | null)[] = [];
  const server = (request: Request) => {
    seen.push(request.headers.get("authorization"));
    return Promise.resolve(new Response());
  };
  const given = joined(server, { headers: { authorization: "a" } });
  const made = joined(server, { headers: () => Promise.resolve({ authorization: "b" }) });
  for (const remote of [given, made]) await assert.rejects(remote.process(ask));
  assert.deepEqual(seen, ["a", "b"]);
  const failing = joined(server, { headers: () => Promise.reject(new Error("no token")) });
  await assert.rejects(failing.process(ask), { code: "unknown", message: /no token/ });
  assert.equal(seen.length, 2);
});

test("rpcAgent() has the name it is given, or that of the host", () => {
  assert.equal(rpcAgent("https://agents.example:8443/api/").name, "agents.example:8443");
  const named = rpcAgent("https://x", { name: "echo", capabilities: ["a"] });
  assert.equal(named.name, "echo");
  assert.deepEqual(named.capabilities, ["a"]);
});

test("rpcAgent() refuses bad URLs and options at construction, by name", () => {
  for (const url of ["grpc://x", "x", "", "ftp://x"]) {
    assert.throws(() => rpcAgent(url), { name: "TypeError", message: /'url' must be an http/ });
  }
  assert.throws(() => rpcAgent("http://x", { protocol: "grpc" as never }), /'protocol' must be/);
  assert.throws(() => rpcAgent("http://x", { timeoutMs: 0 }), /'timeoutMs' must be a positive/);
  assert.throws(() => rpcAgent("http://x", { maxBytes: -1 }), /'maxBytes' must be a positive/);
  assert.throws(() => rpcAgent("http://x", { fetch: 1 as never }), /'fetch' must be a function/);
  assert.throws(() => rpcAgent("http://x", { headers: { "a b": "c" } }), /'headers' must be/);
});

test("rpcAgent() offers no conversations, which fetch cannot have", () => {
  assert.equal("converse" in rpcAgent("http://localhost"), false);
});
