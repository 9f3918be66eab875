import assert from "node:assert/strict";
import { test } from "node:test";
import { deadline } from "../../../src/core/deadline.ts";
import { TimeoutError } from "../../../src/core/errors.ts";
import { TestClock } from "../../../src/testing/test_clock.ts";
import { turn, WatchedSignal } from "./fakes.ts";

test("deadline() passes an outcome in time on, and cancels its timer", async () => {
  const clock = new TestClock();
  const watched = new WatchedSignal();
  const options = { clock, signal: watched.signal };
  assert.equal(await deadline(Promise.resolve(1), 100, options), 1);
  await assert.rejects(deadline(Promise.reject(new Error("broken")), 100, options), /broken/);
  assert.equal(clock.pending, 0);
  assert.equal(watched.listeners, 0);
});

test("deadline() rejects with a TimeoutError when the time is over", async () => {
  const clock = new TestClock();
  const watched = new WatchedSignal();
  const waiting = deadline(new Promise(() => {}), 50, { clock, signal: watched.signal });
  await clock.advance(49);
  const outcome = assert.rejects(waiting, (error) => {
    assert.ok(error instanceof TimeoutError);
    assert.equal(error.timeoutMs, 50);
    assert.equal(error.message, "Timed out after 50 ms");
    return true;
  });
  await clock.advance(1);
  await outcome;
  assert.equal(watched.listeners, 0);
});

test("deadline() swallows a failure that comes too late", async () => {
  const clock = new TestClock();
  const late = Promise.withResolvers<never>();
  const outcome = assert.rejects(deadline(late.promise, 1, { clock }), TimeoutError);
  await clock.advance(1);
  await outcome;
  late.reject(new Error("late"));
  await turn();
});

test("deadline() rejects with the signal's reason and cancels its timer", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const reason = new Error("enough");
  const waiting = deadline(new Promise(() => {}), 50, { clock, signal: controller.signal });
  controller.abort(reason);
  assert.equal(clock.pending, 0);
  await assert.rejects(waiting, (thrown) => thrown === reason);
  const aborted = { clock, signal: AbortSignal.abort(reason) };
  await assert.rejects(deadline(Promise.resolve(1), 50, aborted), (thrown) => thrown === reason);
  assert.equal(clock.pending, 0);
});

test("deadline() prefers an outcome that is there to a time that is over", async () => {
  const clock = new TestClock();
  const waiting = deadline(Promise.resolve("there"), 0, { clock });
  await clock.advance(0);
  assert.equal(await waiting, "there");
});
