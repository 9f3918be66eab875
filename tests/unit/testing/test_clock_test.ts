import assert from "node:assert/strict";
import { test } from "node:test";
import type { Timer } from "../../../src/core/clock.ts";
import { TestClock } from "../../../src/testing/test_clock.ts";

test("TestClock stands still until told to advance", async () => {
  const clock = new TestClock(500);
  assert.equal(clock.now(), 500);
  await clock.advance(20);
  assert.equal(clock.now(), 520);
  await clock.advance(0);
  assert.equal(clock.now(), 520);
});

test("TestClock.advance() runs what falls due, in order, each at its time", async () => {
  const clock = new TestClock();
  const ran: [string, number][] = [];
  const note = (name: string) => () => ran.push([name, clock.now()]);
  clock.schedule(30, note("c"));
  clock.schedule(10, note("a"));
  clock.schedule(10, note("a2"));
  clock.schedule(20, note("b"));
  clock.schedule(31, note("later"));
  await clock.advance(30);
  assert.deepEqual(ran, [["a", 10], ["a2", 10], ["b", 20], ["c", 30]]);
  assert.equal(clock.pending, 1);
  assert.equal(clock.nextAt, 31);
  await clock.advance(1);
  assert.equal(clock.nextAt, undefined);
});

test("TestClock runs what was due in the past at once, without going back", async () => {
  const clock = new TestClock(100);
  let at = -1;
  clock.schedule(50, () => at = clock.now());
  assert.equal(at, -1, "never within schedule() itself");
  await clock.advance(0);
  assert.equal(at, 100);
});

test("TestClock.advance() lets a woken call wait again within the same advance", async () => {
  const clock = new TestClock();
  const woke: number[] = [];
  const loop = (async () => {
    for (let i = 0; i < 5; i++) {
      await clock.sleep(10);
      woke.push(clock.now());
    }
  })();
  await clock.advance(50);
  await loop;
  assert.deepEqual(woke, [10, 20, 30, 40, 50]);
});

test("TestClock timers can be cancelled, also by one another and after they ran", async () => {
  const clock = new TestClock();
  const ran: string[] = [];
  const timers: Timer[] = [];
  timers.push(clock.schedule(1, () => {
    ran.push("first");
    for (const timer of timers) timer.cancel();
  }));
  timers.push(clock.schedule(1, () => ran.push("second")));
  await clock.advance(5);
  assert.deepEqual(ran, ["first"]);
  assert.equal(clock.pending, 0);
});

test("TestClock takes NaN as due and never reaches Infinity, as the system's clock does", async () => {
  const clock = new TestClock();
  const ran: string[] = [];
  clock.schedule(NaN, () => ran.push("NaN"));
  clock.schedule(-Infinity, () => ran.push("-Infinity"));
  const never = clock.schedule(Infinity, () => ran.push("Infinity"));
  await clock.advance(1);
  assert.deepEqual(ran, ["NaN", "-Infinity"]);
  await clock.runAll();
  assert.deepEqual(ran, ["NaN", "-Infinity"]);
  assert.equal(clock.now(), 1);
  assert.equal(clock.pending, 1);
  never.cancel();
});

test("TestClock.sleep() rejects when its signal aborts and leaves no timer", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const sleeping = clock.sleep(10, controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(sleeping, /enough/);
  assert.equal(clock.pending, 0);
});

test("TestClock.runAll() advances until nothing waits", async () => {
  const clock = new TestClock();
  const ran: number[] = [];
  clock.schedule(5, () => {
    ran.push(clock.now());
    clock.schedule(105, () => ran.push(clock.now()));
  });
  clock.schedule(7, () => ran.push(clock.now()));
  await clock.runAll();
  assert.deepEqual(ran, [5, 7, 105]);
  assert.equal(clock.now(), 105);
});

test("TestClock.runAll() gives up on timers without end", async () => {
  const clock = new TestClock();
  const again = () => void clock.schedule(clock.now() + 1, again);
  again();
  await assert.rejects(clock.runAll(20), /Cannot run all timers: more than 20 came up/);
});

test("TestClock.advance() refuses to go back, or to nowhere", async () => {
  const clock = new TestClock(10);
  for (const ms of [-1, NaN, Infinity]) {
    await assert.rejects(clock.advance(ms), {
      name: "RangeError",
      message: `Cannot advance as 'ms' must be a non-negative number: current value is ${ms}`,
    });
  }
  assert.equal(clock.now(), 10);
});

test("TestClock.advance() rejects with what a callback throws", async () => {
  const clock = new TestClock();
  clock.schedule(1, () => {
    throw new Error("broken callback");
  });
  let ran = false;
  clock.schedule(2, () => ran = true);
  await assert.rejects(clock.advance(5), /broken callback/);
  await clock.advance(5);
  assert.ok(ran);
});
