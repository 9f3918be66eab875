import assert from "node:assert/strict";
import { test } from "node:test";
import { task } from "../../../src/compose/mod.ts";
import { AgenkitError, agent, RateLimitError, text, TimeoutError } from "../../../src/core/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { WatchedSignal } from "../core/fakes.ts";
import { ask, deaf, fails, jobs, obedient, rejection, says, stateOf } from "./support.ts";

/** An agent that fails so many times before it answers, and the times at which it was asked. */
function flaky(failures: number, error: (n: number) => unknown, clock = new TestClock()) {
  const times: number[] = [];
  const target = agent("flaky", () => {
    times.push(clock.now());
    if (times.length <= failures) throw error(times.length);
    return `answer ${times.length}`;
  });
  return { target, times, clock };
}

test("task() executes once and keeps the answer", async () => {
  const once = task(says("a"));
  assert.deepEqual(once.state, { status: "ready" });
  const work = once.execute(ask);
  assert.deepEqual(once.state, { status: "running" });
  const answer = await work;
  assert.equal(text(answer), "a");
  assert.deepEqual(once.state, { status: "answered", message: answer });
  assert.equal(once.agent.name, "a");
});

test("task() rejects a second execution, after the first and during it", async () => {
  const waits = obedient();
  await using running = task(waits);
  const first = rejection(running.execute(ask));
  await assert.rejects(running.execute(ask), {
    code: "failed_precondition",
    message: /'obedient'.*is running/,
  });
  assert.equal(waits.begun, 1);
  const done = task(says("a"));
  await done.execute(ask);
  await assert.rejects(done.execute(ask), { code: "failed_precondition", message: /answered/ });
  const failed = task(fails("a"));
  await rejection(failed.execute(ask));
  await assert.rejects(failed.execute(ask), { code: "failed_precondition", message: /failed/ });
  await running[Symbol.asyncDispose]();
  await first;
});

test("task() tries again as often as told, after 100 ms, then 200 ms", async () => {
  const { target, times, clock } = flaky(2, () => new Error("x"));
  const work = task(target, { retries: 2, clock }).execute(ask);
  await clock.runAll();
  assert.equal(text(await work), "answer 3");
  assert.deepEqual(times, [0, 100, 300]);
});

test("task() rejects with the last error when its retries are used up", async () => {
  const { target, times, clock } = flaky(9, (n) => new Error(`failure ${n}`));
  const once = task(target, { retries: 1, clock });
  const work = rejection(once.execute(ask));
  await clock.runAll();
  assert.equal((await work as Error).message, "failure 2");
  assert.equal(times.length, 2);
  assert.deepEqual(once.state, { status: "failed", error: await work });
});

test("task() does not try again by default, nor what no retry can help", async () => {
  const plain = flaky(1, () => new Error("x"));
  await assert.rejects(task(plain.target).execute(ask), /x/);
  assert.equal(plain.times.length, 1);
  const final = flaky(1, () => new AgenkitError("invalid_argument", "no"));
  await assert.rejects(task(final.target, { retries: 3 }).execute(ask), /no/);
  assert.equal(final.times.length, 1);
});

test("task() waits as long as an error asks for before it tries again", async () => {
  const { target, times, clock } = flaky(1, () => new RateLimitError("x", { retryAfterMs: 700 }));
  const work = task(target, { retries: 1, clock }).execute(ask);
  await clock.runAll();
  await work;
  assert.deepEqual(times, [0, 700]);
});

test("task() rejects with a TimeoutError after timeoutMs and cancels the agent", async () => {
  const clock = new TestClock();
  const waits = obedient();
  const work = rejection(task(waits, { timeoutMs: 50, clock }).execute(ask));
  await clock.advance(50);
  const error = await work;
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.timeoutMs, 50);
  assert.match(error.message, /'obedient' took longer than 50 ms/);
  assert.deepEqual(waits.reasons, [error]);
  assert.equal(clock.pending, 0);
});

test("task() is not held up by an agent that ignores its signal", async () => {
  const clock = new TestClock();
  const work = rejection(task(deaf(), { timeoutMs: 50, clock }).execute(ask));
  await clock.advance(50);
  assert.ok(await work instanceof TimeoutError);
});

test("task() counts retries and pauses into timeoutMs", async () => {
  const { target, times, clock } = flaky(9, () => new Error("x"));
  const work = rejection(task(target, { retries: 9, timeoutMs: 250, clock }).execute(ask));
  await clock.runAll();
  assert.ok(await work instanceof TimeoutError);
  assert.deepEqual(times, [0, 100]);
  assert.equal(clock.pending, 0);
});

test("task() hands the earlier deadline and the values down", async () => {
  const clock = new TestClock(1000);
  const seen: unknown[] = [];
  const look = agent("look", (_, call) => {
    seen.push(call.deadline);
    return "";
  });
  await task(look, { timeoutMs: 50, clock }).execute(ask);
  await task(look, { timeoutMs: 50, clock }).execute(ask, { deadline: 1020 });
  await task(look, { clock }).execute(ask, { deadline: 1020 });
  assert.deepEqual(seen, [1050, 1020, 1020]);
  assert.equal(clock.pending, 0);
});

test("task() leaves nothing on the caller's signal", async () => {
  const watched = new WatchedSignal();
  const look = agent("look", (_, call) => String(call.signal!.aborted));
  await task(look).execute(ask, { signal: watched.signal });
  await rejection(task(fails("b")).execute(ask, { signal: watched.signal }));
  assert.ok(watched.added > 0);
  assert.equal(watched.listeners, 0);
});

test("task() rejects with the caller's reason, during a call and during a pause", async () => {
  const reason = new Error("enough");
  const busy = new AbortController();
  const work = task(obedient(), { retries: 5 }).execute(ask, { signal: busy.signal });
  busy.abort(reason);
  assert.equal(await rejection(work), reason);

  const pausing = new AbortController();
  const { target, times, clock } = flaky(9, () => new Error("x"));
  const paused = task(target, { retries: 5, clock }).execute(ask, { signal: pausing.signal });
  await clock.advance(50);
  pausing.abort(reason);
  assert.equal(await rejection(paused), reason);
  assert.equal(times.length, 1);
  assert.equal(clock.pending, 0);
});

test("task() that was aborted before it began is still ready", async () => {
  const once = task(says("a"));
  await assert.rejects(once.execute(ask, { signal: AbortSignal.abort(new Error("no")) }), /no/);
  assert.equal(text(await once.execute(ask)), "a");
});

test("task() is cancelled when it goes out of scope", async () => {
  const waits = obedient();
  let work: Promise<unknown>;
  {
    await using once = task(waits);
    work = rejection(once.execute(ask));
    assert.equal(await stateOf(work), "pending");
  }
  assert.equal((await work as Error).name, "AbortError");
  await jobs();
  assert.equal(waits.ended, 1);
});

test("task() that was disposed of unused executes nothing, and can be disposed of again", async () => {
  const once = task(says("a"));
  await once[Symbol.asyncDispose]();
  await once[Symbol.asyncDispose]();
  assert.deepEqual(once.state, { status: "disposed" });
  await assert.rejects(once.execute(ask), { code: "failed_precondition", message: /disposed/ });
  const used = task(says("a"));
  await used.execute(ask);
  await used[Symbol.asyncDispose]();
  assert.equal(used.state.status, "answered");
});

test("task() refuses bad arguments, naming option, rule and value", () => {
  assert.throws(() => task({} as never), TypeError);
  assert.throws(() => task(says("a"), null as never), TypeError);
  for (const timeoutMs of [0, -1, NaN]) {
    assert.throws(() => task(says("a"), { timeoutMs }), {
      name: "RangeError",
      message: /timeoutMs/,
    });
  }
  for (const retries of [-1, 1.5, Infinity]) {
    assert.throws(() => task(says("a"), { retries }), { name: "RangeError", message: /retries/ });
  }
  assert.throws(() => task(says("a"), { retries: "2" as never }), TypeError);
});
