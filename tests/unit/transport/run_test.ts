import assert from "node:assert/strict";
import { test } from "node:test";
import { agent, message } from "../../../mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { runProcess, StreamRun } from "../../../src/transport/run.ts";
import { rejection } from "../rejection.ts";

const question = message("user", "x");

test("runProcess() and StreamRun start nothing for a caller that has left already", async () => {
  let started = 0;
  const spy = agent({
    name: "spy",
    process: () => `${++started}`,
    async *stream() {
      yield `${++started}`;
    },
  });
  const reason = new Error("gone");
  const clock = new TestClock();
  for (const signal of [AbortSignal.abort(reason), { signal: AbortSignal.abort(reason) }]) {
    const options = { signal, timeoutMs: 1000, clock };
    assert.equal(await rejection(runProcess(spy, question, options)), reason);
    assert.throws(() => new StreamRun(spy, question, options), (error) => error === reason);
  }
  assert.equal(started, 0);
  assert.equal(clock.pending, 0);
});

test("runProcess() and StreamRun end with the caller, whatever the agent does, and leave no timer", async () => {
  const deaf = agent({
    name: "deaf",
    process: () => new Promise<never>(() => {}),
    async *stream() {
      await new Promise(() => {});
      yield "never";
    },
  });
  const reason = new Error("gone");
  const clock = new TestClock();
  const controller = new AbortController();
  const options = { signal: controller.signal, timeoutMs: 1000, clock };
  const answer = rejection(runProcess(deaf, question, options));
  const chunk = rejection(new StreamRun(deaf, question, options).next());
  controller.abort(reason);
  assert.equal(await answer, reason);
  assert.equal(await chunk, reason);
  assert.equal(clock.pending, 0);
});

test("StreamRun.onStop() tells of a stop at the deadline, which the next chunk fails with", async () => {
  const once = agent("once", async function* () {
    yield "hello";
  });
  const clock = new TestClock();
  const run = new StreamRun(once, question, { timeoutMs: 1000, clock });
  let stopped = 0;
  run.onStop(() => stopped++);
  assert.equal((await run.next()).value.content, "hello");
  assert.equal(stopped, 0);
  await clock.advance(1000);
  assert.equal(stopped, 1);
  assert.equal((await rejection(run.next())).code, "deadline_exceeded");
  assert.equal(clock.pending, 0);
});

test("runProcess() takes the answer of an agent that answers without a promise, and leaves no timer", async () => {
  const plain = { name: "plain", process: (m: unknown) => m } as never;
  const clock = new TestClock();
  const running = new Set<(reason: unknown) => void>();
  const answer = await runProcess(plain, question, { timeoutMs: 1000, clock, running });
  assert.equal(answer, question);
  assert.equal(clock.pending, 0);
  assert.equal(running.size, 0);
});
