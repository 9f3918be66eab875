import assert from "node:assert/strict";
import { test } from "node:test";
import type { Timer } from "../../../src/core/clock.ts";
import { TimerQueue } from "../../../src/core/timer_queue.ts";
import { type FakeTimers, withTimers } from "./fakes.ts";

function withQueue(body: (queue: TimerQueue, timers: FakeTimers) => void): void {
  withTimers((timers) => body(new TimerQueue(() => timers.now), timers));
}

test("TimerQueue runs callbacks in the order of their times", () => {
  withQueue((queue, timers) => {
    const ran: number[] = [];
    for (const at of [50, 10, 30, 20, 40]) queue.add(at, () => ran.push(at));
    timers.runTo(29);
    assert.deepEqual(ran, [10, 20]);
    timers.runTo(100);
    assert.deepEqual(ran, [10, 20, 30, 40, 50]);
    assert.equal(queue.size, 0);
    assert.equal(timers.armed, 0);
  });
});

test("TimerQueue runs callbacks of one time in the order they came", () => {
  withQueue((queue, timers) => {
    const ran: number[] = [];
    for (let i = 0; i < 100; i++) queue.add(10, () => ran.push(i));
    const gone = queue.add(10, () => ran.push(-1));
    queue.add(5, () => ran.push(-2));
    gone.cancel();
    timers.runTo(10);
    assert.deepEqual(ran, [-2, ...Array.from({ length: 100 }, (_, i) => i)]);
  });
});

test("TimerQueue arms one timer for 10,000 entries", () => {
  withQueue((queue, timers) => {
    let ran = 0;
    for (let i = 0; i < 10_000; i++) queue.add(1000 + (i * 7919) % 1000, () => ran++);
    assert.equal(timers.made, 1);
    timers.fire();
    assert.equal(timers.made, 2, "the sweep, then the real one");
    timers.runTo(3000);
    assert.equal(ran, 10_000);
    assert.equal(timers.most, 1);
    assert.equal(timers.armed, 0);
  });
});

test("TimerQueue sets one timer for all calls that come and go within a sweep", () => {
  withQueue((queue, timers) => {
    for (let i = 0; i < 1000; i++) queue.add(30_000, assert.fail).cancel();
    assert.equal(timers.made, 1);
    timers.fire();
    assert.equal(timers.armed, 0, "nothing waits, nothing is armed");
    assert.equal(timers.made, 1);
  });
});

test("TimerQueue leaves no timer behind when the last entry is cancelled", () => {
  withQueue((queue, timers) => {
    const entries = [100, 200, 300].map((at) => queue.add(at, assert.fail));
    timers.fire();
    assert.equal(timers.armed, 1);
    for (const entry of entries) entry.cancel();
    assert.equal(timers.armed, 0);
    assert.equal(queue.size, 0);
  });
});

test("TimerQueue wakes earlier for an earlier entry, and not again for a later one", () => {
  withQueue((queue, timers) => {
    const ran: string[] = [];
    queue.add(100, () => ran.push("late"));
    timers.fire();
    const { made } = timers;
    queue.add(200, () => ran.push("later"));
    assert.equal(timers.made, made);
    queue.add(50, () => ran.push("early"));
    assert.equal(timers.made, made + 1);
    assert.equal(timers.armed, 1);
    timers.runTo(50);
    assert.deepEqual(ran, ["early"]);
    timers.runTo(200);
    assert.deepEqual(ran, ["early", "late", "later"]);
    assert.equal(timers.most, 1);
  });
});

test("TimerQueue waits on when its timer fires early", () => {
  withQueue((queue, timers) => {
    let ran = 0;
    queue.add(10.5, () => ran++);
    timers.fire();
    timers.fire(1);
    assert.equal(ran, 0);
    timers.runTo(11);
    assert.equal(ran, 1);
  });
});

test("TimerQueue entries may be cancelled twice, and after they ran", () => {
  withQueue((queue, timers) => {
    let ran = 0;
    const entry = queue.add(1, () => ran++);
    const other = queue.add(2, () => ran++);
    const gone = queue.add(3, assert.fail);
    gone.cancel();
    gone.cancel();
    timers.runTo(1);
    entry.cancel();
    assert.equal(queue.size, 1);
    timers.runTo(2);
    other.cancel();
    assert.equal(ran, 2);
  });
});

test("TimerQueue does not run an entry that a callback of the same turn cancels", () => {
  withQueue((queue, timers) => {
    const ran: string[] = [];
    const entries: Timer[] = [];
    queue.add(10, () => {
      ran.push("first");
      for (const entry of entries) entry.cancel();
    });
    entries.push(queue.add(10, () => ran.push("same time")));
    entries.push(queue.add(5, () => ran.push("before")));
    entries.push(queue.add(11, () => ran.push("later")));
    timers.now = 20;
    timers.fire();
    assert.deepEqual(ran, ["before", "first"]);
    assert.equal(queue.size, 0);
    assert.equal(timers.armed, 0);
  });
});

test("TimerQueue runs what a callback adds, due or not, in a later turn", () => {
  withQueue((queue, timers) => {
    const ran: string[] = [];
    const again = () => {
      ran.push("again");
      if (ran.length < 5) queue.add(0, again);
    };
    queue.add(0, again);
    queue.add(30, () => ran.push("late"));
    timers.fire();
    assert.deepEqual(ran, ["again"], "a callback that adds due entries cannot starve the loop");
    timers.runTo(30);
    assert.deepEqual(ran, ["again", "again", "again", "again", "again", "late"]);
    assert.equal(timers.most, 1);
    assert.equal(timers.armed, 0);
  });
});

test("TimerQueue lets a callback cancel itself and re-add", () => {
  withQueue((queue, timers) => {
    let ran = 0;
    const entry: Timer = queue.add(5, () => {
      ran++;
      entry.cancel();
      queue.add(6, () => ran++);
    });
    timers.runTo(10);
    assert.equal(ran, 2);
    assert.equal(queue.size, 0);
  });
});

test("TimerQueue waits for times further away than setTimeout can", () => {
  withQueue((queue, timers) => {
    let ran = 0;
    const at = 2 ** 31 * 3 + 5;
    queue.add(at, () => ran++);
    timers.runTo(at - 1);
    assert.equal(ran, 0);
    timers.runTo(at);
    assert.equal(ran, 1);
    assert.ok(timers.delays.every((delay) => delay <= 2 ** 31 - 1 && delay >= 0));
    assert.ok(timers.made < 8);
  });
});

test("TimerQueue never runs an entry at Infinity, but lets it be cancelled", () => {
  withQueue((queue, timers) => {
    let ran = 0;
    const never = queue.add(Infinity, assert.fail);
    queue.add(10, () => ran++);
    timers.runTo(2 ** 33);
    assert.equal(ran, 1);
    assert.equal(timers.armed, 1);
    never.cancel();
    assert.equal(timers.armed, 0);
  });
});

test("TimerQueue takes NaN, -Infinity and the past as due at once", () => {
  for (const at of [NaN, -Infinity, -5]) {
    withQueue((queue, timers) => {
      const ran: string[] = [];
      queue.add(1000, () => ran.push("late"));
      timers.fire();
      queue.add(at, () => ran.push("due"));
      timers.runTo(timers.now);
      assert.deepEqual(ran, ["due"], `at ${at}`);
      timers.runTo(1000);
      assert.deepEqual(ran, ["due", "late"], `at ${at}`);
      assert.equal(timers.armed, 0);
    });
  }
});

test("TimerQueue keeps its order with NaN among the entries", () => {
  withQueue((queue, timers) => {
    const ran: number[] = [];
    for (const at of [3, NaN, 1, 2, NaN, 0.5]) queue.add(at, () => ran.push(at));
    timers.now = 5;
    timers.fire();
    assert.deepEqual(ran, [NaN, NaN, 0.5, 1, 2, 3]);
  });
});

test("TimerQueue runs the others when a callback throws, and reports the error as uncaught", () => {
  const reported: unknown[] = [];
  const original = globalThis.queueMicrotask;
  // What an uncaught error does differs: here it is caught where it is thrown.
  globalThis.queueMicrotask = (job) => {
    try {
      job();
    } catch (error) {
      reported.push(error);
    }
  };
  try {
    withQueue((queue, timers) => {
      const ran: string[] = [];
      const error = new Error("broken callback");
      queue.add(10, () => ran.push("a"));
      queue.add(10, () => {
        throw error;
      });
      queue.add(10, () => ran.push("b"));
      queue.add(20, () => ran.push("c"));
      timers.runTo(10);
      assert.deepEqual(ran, ["a", "b"]);
      assert.deepEqual(reported, [error]);
      timers.runTo(20);
      assert.deepEqual(ran, ["a", "b", "c"]);
    });
  } finally {
    globalThis.queueMicrotask = original;
  }
});
