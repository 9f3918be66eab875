import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, collect, delay, type Message, message, text } from "../../../../mod.ts";
import { grpcAgent, serveGrpc } from "../../../../src/transport/grpc/mod.ts";
import { echoAgent, until } from "../rpc/agents.ts";

const many = (count: number) => Array.from({ length: count }, (_, i) => message("user", `m ${i}`));

test("converse() yields one answer a message, in order, also when later ones are quicker", async () => {
  const slowAtFirst = agent("slow", async (m) => {
    await delay(Math.max(0, 60 - 10 * Number(text(m).slice(2))));
    return text(m);
  });
  await using server = await serveGrpc(slowAtFirst, { port: 0 });
  await using remote = grpcAgent(server.url);
  const answers = await collect(remote.converse(many(20)));
  assert.deepEqual(answers.map(text), many(20).map(text));
  assert.deepEqual(await collect(remote.converse([])), []);
});

test("converse() has no more messages without an answer than allowed", async () => {
  let asked = 0;
  const source = async function* () {
    for (const one of many(10)) {
      asked++;
      yield one;
    }
  };
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await using remote = grpcAgent(server.url);
  let read = 0;
  for await (const _ of remote.converse(source(), { maxConcurrent: 2 })) {
    await delay(10);
    assert.ok(asked <= read + 2, `asked for ${asked} with ${read} read`);
    read++;
  }
  assert.equal(read, 10);
});

test("converse() ends with the first failure, which keeps its code", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await using remote = grpcAgent(server.url);
  const got: string[] = [];
  await assert.rejects(async () => {
    const asked = ["a", "fail", "b"].map((content) => message("user", content));
    for await (const answer of remote.converse(asked)) got.push(text(answer));
  }, { code: "unknown", message: "the agent failed on purpose" });
  assert.deepEqual(got, ["a"]);
});

test("converse() that is left, aborted or too late stops the agents", async () => {
  const seen = { signals: [] as AbortSignal[] };
  await using server = await serveGrpc(echoAgent(seen), { port: 0 });
  await using remote = grpcAgent(server.url);
  const source = async function* (): AsyncGenerator<Message> {
    yield message("user", "a");
    yield message("user", "hang");
    await new Promise(() => {});
  };
  for await (const answer of remote.converse(source())) {
    assert.equal(text(answer), "a");
    await until(() => seen.signals.length === 2, "the second to run");
    break;
  }
  await until(() => seen.signals[1]!.aborted, "it to be stopped");

  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(async () => {
    for await (const _ of remote.converse(source(), { signal: controller.signal })) {
      controller.abort(reason);
    }
  }, reason);
  await assert.rejects(
    collect(remote.converse(source(), { deadline: performance.now() + 200 })),
    { code: "deadline_exceeded" },
  );
  await until(() => server.inFlight === 0, "all to end");
});

test("converse() gives the server its time for each answer, and the caller all the time", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await using remote = grpcAgent(server.url, { timeoutMs: 800 });
  const slowly = async function* () {
    yield message("user", "a");
    await delay(1_000);
    yield message("user", "b");
  };
  const answers: string[] = [];
  for await (const answer of remote.converse(slowly())) {
    answers.push(text(answer));
    await delay(1_000);
  }
  assert.equal(answers.length, 2);

  const silent = async function* () {
    yield message("user", "a");
    await delay(1_000);
    yield message("user", "hang");
    await new Promise(() => {});
  };
  await assert.rejects(collect(remote.converse(silent())), { code: "deadline_exceeded" });
  await until(() => server.inFlight === 0, "all to end");
});

test("converse() refuses a bad limit, and passes on what its source throws", async () => {
  await using server = await serveGrpc(echoAgent(), { port: 0 });
  await using remote = grpcAgent(server.url);
  await assert.rejects(collect(remote.converse([], { maxConcurrent: 0 })), {
    name: "RangeError",
    message: /'maxConcurrent' must be a positive integer/,
  });
  const own = new Error("out of questions");
  await assert.rejects(
    collect(remote.converse((async function* () {
      yield message("user", "a");
      throw own;
    })())),
    own,
  );
});
