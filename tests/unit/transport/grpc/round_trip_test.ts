import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, delay, message, RemoteError, text } from "../../../../mod.ts";
import { grpcAgent, serveGrpc } from "../../../../src/transport/grpc/mod.ts";
import { echoAgent, until } from "../rpc/agents.ts";

test("grpcAgent() carries text, values and metadata", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await using remote = grpcAgent(server.url);
  const metadata = { a: "x", nested: { list: [1, null] }, trace_context: { traceparent: "00-1" } };
  for (const content of ["Hello 世界 🌍", "", '{"a": 1}', "42", 42, null, { a: [1] }]) {
    const answer = await remote.process(message("user", content, metadata));
    assert.deepEqual(answer.content, content);
    assert.deepEqual(answer.metadata, metadata);
  }
});

test("grpcAgent() streams, and gets failures with their code", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await using remote = grpcAgent(server.url);
  const chunks = await Array.fromAsync(remote.stream(message("user", "n")));
  assert.deepEqual(chunks.map(text), ["n 0", "n 1", "n 2"]);
  await assert.rejects(remote.process(message("user", "fail")), (error) => {
    assert.ok(error instanceof RemoteError);
    assert.equal(error.code, "unknown");
    assert.equal(error.message, "the agent failed on purpose");
    return true;
  });
  await assert.rejects(Array.fromAsync(remote.stream(message("user", "fail after 1"))), {
    code: "unknown",
    message: "the stream broke on purpose",
  });
});

test("grpcAgent() that stops reading or is aborted cancels the agent", async () => {
  const seen = { ended: [] as boolean[], signals: [] as AbortSignal[] };
  await using server = await serveGrpc(echoAgent(seen), { port: 0 });
  await using remote = grpcAgent(server.url);
  for await (const _ of remote.stream(message("user", "hang after 1"))) break;
  await until(() => seen.ended.length === 1, "the stream to end");
  assert.equal(seen.signals[0]!.aborted, true);

  const controller = new AbortController();
  const call = remote.process(message("user", "hang"), { signal: controller.signal });
  await until(() => seen.signals.length === 2, "the agent to be called");
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  await until(() => seen.signals[1]!.aborted, "the agent's signal to abort");
  await until(() => server.inFlight === 0, "the calls to be over");
});

test("grpcAgent() tells the server how much time is left", async () => {
  const seen = { timesLeft: [] as (number | undefined)[] };
  await using server = await serveGrpc(echoAgent(seen), { port: 0 });
  await using remote = grpcAgent(server.url);
  await remote.process(message("user", "x"), { deadline: performance.now() + 5_000 });
  assert.ok(seen.timesLeft[0]! > 0 && seen.timesLeft[0]! <= 5_000, `${seen.timesLeft[0]}`);
  await assert.rejects(
    remote.process(message("user", "hang"), { deadline: performance.now() + 50 }),
    { name: "TimeoutError", code: "deadline_exceeded" },
  );
});

test("grpcAgent() that reads slowly slows the agent down, and gets all there is", async () => {
  let made = 0;
  const size = 50_000;
  const many = agent({
    name: "many",
    process: () => "x",
    async *stream() {
      while (made < 400) yield `${made++}`.padEnd(size, ".");
    },
  });
  await using server = await serveGrpc(many, { port: 0 });
  await using remote = grpcAgent(server.url);
  let seen = 0;
  for await (const chunk of remote.stream(message("user", "x"))) {
    if (seen === 0) {
      let before = -1;
      while (before !== made) {
        before = made;
        await delay(200);
      }
      assert.ok(made < 100, `${made} chunks were made while one was read`);
    }
    assert.equal(text(chunk), `${seen++}`.padEnd(size, "."));
  }
  assert.equal(seen, 400);
});
