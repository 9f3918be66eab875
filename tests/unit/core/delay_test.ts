import assert from "node:assert/strict";
import { test } from "node:test";
import { delay } from "../../../src/core/delay.ts";
import { TestClock } from "../../../src/testing/test_clock.ts";
import { jobs, WatchedSignal } from "./fakes.ts";

test("delay() resolves when its time has come on the clock it is given", async () => {
  const clock = new TestClock();
  let over = false;
  const waiting = delay(100, { clock }).then(() => over = true);
  await clock.advance(99);
  assert.ok(!over);
  await clock.advance(1);
  await waiting;
  assert.equal(clock.pending, 0);
});

test("delay() uses the system's clock by default", async () => {
  const start = performance.now();
  await delay(5);
  assert.ok(performance.now() - start >= 4);
});

test("delay() rejects with the signal's reason and leaves nothing behind", async () => {
  const clock = new TestClock();
  const watched = new WatchedSignal();
  const reason = new Error("enough");
  const waiting = delay(100, { clock, signal: watched.signal });
  watched.controller.abort(reason);
  assert.equal(clock.pending, 0);
  await assert.rejects(waiting, (thrown) => thrown === reason);
  const over = new WatchedSignal();
  const finished = delay(1, { clock, signal: over.signal });
  await clock.advance(1);
  await finished;
  await jobs();
  assert.equal(over.listeners, 0);
});
