import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, agent, collect, message, text } from "../../../../mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import { memoryAgent, memoryHandler } from "../../../../src/transport/memory/mod.ts";
import { rejection } from "../../rejection.ts";

const question = message("user", "hi", { a: [1, { b: null }] });

test("memoryAgent() gives what went through the codec, at once and streamed", async () => {
  const echo = agent({
    name: "echo",
    process: (m) => ({ content: `Echo: ${text(m)}`, metadata: m.metadata }),
    stream: async function* () {
      yield "1";
      yield "2";
    },
  });
  const remote = memoryAgent(memoryHandler(echo));
  const answer = await remote.process(question);
  assert.equal(text(answer), "Echo: hi");
  assert.deepEqual(answer.metadata, question.metadata);
  assert.notEqual(answer.metadata, question.metadata, "a copy, as over a network");
  assert.deepEqual((await collect(remote.stream(question))).map(text), ["1", "2"]);
});

test("memoryAgent() gets errors with their codes, and 'unimplemented' for a stream that is not there", async () => {
  const failing = agent("failing", () => {
    throw new AgenkitError("not_found", "gone");
  });
  const remote = memoryAgent(memoryHandler(failing));
  await assert.rejects(remote.process(question), {
    name: "RemoteError",
    code: "not_found",
    message: "gone",
  });
  await assert.rejects(collect(remote.stream(question)), { code: "unimplemented" });
});

test("memoryAgent() chooses by name, and the handler strips tool calls unless trusted", async () => {
  const spy = (name: string) => agent(name, (m) => `${name}:${Object.keys(m.metadata)}`);
  const calls = message("user", "", { tool_calls: [] });
  const strict = memoryHandler([spy("a"), spy("b")]);
  assert.equal(text(await memoryAgent(strict, { name: "b" }).process(calls)), "b:");
  const trusting = memoryHandler(spy("a"), { trustToolCalls: true });
  assert.equal(text(await memoryAgent(trusting).process(calls)), "a:tool_calls");
});

test("memoryAgent() aborts with the signal's reason and closes the agent's stream", async () => {
  let closed = 0;
  const endless = agent("endless", async function* () {
    try {
      for (;;) yield "x";
    } finally {
      closed++;
    }
  });
  const remote = memoryAgent(memoryHandler(endless));
  for await (const _ of remote.stream(question)) break;
  for (let i = 0; i < 50; i++) await null;
  assert.equal(closed, 1);
  const reason = new Error("mine");
  const controller = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of remote.stream(question, controller)) controller.abort(reason);
  }, (e) => e === reason);
  const never = memoryAgent(memoryHandler(agent("never", () => new Promise<never>(() => {}))));
  const late = new AbortController();
  const outcome = rejection(never.process(question, late));
  late.abort(reason);
  assert.equal(await outcome, reason);
});

test("memoryHandler() honours the deadline and its limit", async () => {
  const clock = new TestClock();
  const never = memoryAgent(
    memoryHandler(agent("never", () => new Promise<never>(() => {})), { clock }),
  );
  const outcome = rejection(never.process(question, { deadline: 100 }));
  await clock.advance(100);
  assert.equal((await outcome).code, "deadline_exceeded");
  assert.equal(clock.pending, 0);
  const small = memoryAgent(memoryHandler(agent("e", (m) => text(m)), { maxBytes: 1000 }));
  await assert.rejects(small.process(message("user", "x".repeat(1000))), {
    code: "resource_exhausted",
  });
});

test("memoryHandler() and memoryAgent() refuse bad options by name", () => {
  const echo = agent("echo", (m) => m);
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ maxBytes: NaN }, /RangeError: Cannot serve in memory as 'maxBytes' must be/],
    [{ trustToolCalls: "false" }, /TypeError: .*'trustToolCalls' must be a boolean/],
    [{ clock: {} }, /TypeError: .*'clock' must have the methods/],
    [{ defaultAgent: "x" }, /TypeError: .*'defaultAgent' must be one of echo/],
  ];
  for (const [options, expected] of wrong) {
    assert.throws(() => memoryHandler(echo, options), expected);
  }
  assert.throws(() => memoryHandler(echo, null as never), /expected an object of options/);
  const handler = memoryHandler(echo);
  assert.throws(() => memoryAgent(handler, { name: 5 as never }), /'name' must be a string/);
  assert.throws(() => memoryAgent(handler, null as never), /expected an object of options/);
});

test("memoryAgent() takes what is no message for the caller's mistake, as every transport does", async () => {
  const remote = memoryAgent(memoryHandler(agent("echo", (m) => m)));
  const error = await rejection(remote.process({ role: "" } as never));
  assert.equal(error.code, "invalid_argument");
  assert.match(error.message, /expected one made by message\(\)/);
});
