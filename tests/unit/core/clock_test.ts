import assert from "node:assert/strict";
import { test } from "node:test";
import { sleepOn, systemClock } from "../../../src/core/clock.ts";
import { TestClock } from "../../../src/testing/test_clock.ts";
import { turn, WatchedSignal } from "./fakes.ts";

test("systemClock.now() never goes back", () => {
  let last = systemClock.now();
  for (let i = 0; i < 1000; i++) {
    const now = systemClock.now();
    assert.ok(now >= last);
    last = now;
  }
});

test("systemClock.sleep() waits about as long as asked", async () => {
  const start = systemClock.now();
  await systemClock.sleep(20);
  const took = systemClock.now() - start;
  assert.ok(took >= 19 && took < 2000, `took ${took} ms`);
});

test("systemClock.schedule() runs in order and can be cancelled", async () => {
  const ran: string[] = [];
  const now = systemClock.now();
  systemClock.schedule(now + 10, () => ran.push("b"));
  systemClock.schedule(now + 5, () => ran.push("a"));
  const gone = systemClock.schedule(now + 1, () => ran.push("gone"));
  gone.cancel();
  gone.cancel();
  await new Promise<void>((resolve) => systemClock.schedule(now + 20, resolve));
  assert.deepEqual(ran, ["a", "b"]);
});

test("systemClock.schedule() does not take a time far away for one that is due", async () => {
  const early: string[] = [];
  const now = systemClock.now();
  const far = systemClock.schedule(now + 2 ** 31 + 1000, () => early.push("2^31"));
  const farther = systemClock.schedule(now + 2 ** 40, () => early.push("2^40"));
  const never = systemClock.schedule(Infinity, () => early.push("Infinity"));
  await systemClock.sleep(20);
  assert.deepEqual(early, []);
  for (const timer of [far, farther, never]) timer.cancel();
});

test("systemClock.schedule() takes NaN, -Infinity and the past as due", async () => {
  for (const at of [NaN, -Infinity, -1, systemClock.now() - 5]) {
    await new Promise<void>((resolve) => systemClock.schedule(at, resolve));
  }
});

test("systemClock.sleep() rejects with the signal's reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const sleeping = systemClock.sleep(60_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(sleeping, (thrown) => thrown === reason);
  await assert.rejects(
    systemClock.sleep(1, AbortSignal.abort(reason)),
    (thrown) => thrown === reason,
  );
});

test("sleepOn() leaves neither timer nor listener behind when it ends", async () => {
  const clock = new TestClock();
  const { signal, ...watched } = watch();
  const sleeping = sleepOn(clock, 10, signal);
  assert.equal(watched.count(), 1);
  await clock.advance(10);
  await sleeping;
  assert.equal(watched.count(), 0);
  assert.equal(clock.pending, 0);
});

test("sleepOn() leaves no timer behind when it is aborted", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const sleeping = sleepOn(clock, 10, controller.signal);
  controller.abort(new Error("enough"));
  assert.equal(clock.pending, 0);
  await assert.rejects(sleeping, /enough/);
});

test("sleepOn() asks the clock for nothing when the signal has aborted", async () => {
  const clock = new TestClock();
  await assert.rejects(sleepOn(clock, 10, AbortSignal.abort(new Error("before"))), /before/);
  assert.equal(clock.pending, 0);
});

test("sleepOn() with no time or less ends at the next chance", async () => {
  const clock = new TestClock();
  let woke = 0;
  for (const ms of [0, -5, NaN]) sleepOn(clock, ms).then(() => woke++);
  await turn();
  assert.equal(woke, 0);
  await clock.advance(0);
  assert.equal(woke, 3);
});

function watch() {
  const watched = new WatchedSignal();
  return { signal: watched.signal, count: () => watched.listeners };
}
