import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "./fc.ts";
import type { Timer } from "../../src/core/clock.ts";
import { TimerQueue } from "../../src/core/timer_queue.ts";
import { TestClock } from "../../src/testing/test_clock.ts";
import { withTimers } from "../unit/core/fakes.ts";

/** Within this time the queue has noticed that nothing waits any more. */
const SETTLE_MS = 10;

interface Add {
  readonly kind: "add";
  /** When, from now; may be in the past. */
  readonly after: number;
  /** Which entry its callback cancels, if any. */
  readonly victim: number | undefined;
  /** How long after it runs its callback adds another, if at all. */
  readonly again: number | undefined;
}

type Step = Add | { readonly kind: "cancel"; readonly which: number } | {
  readonly kind: "advance";
  readonly ms: number;
};

const add: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("add" as const),
  after: fc.oneof(
    fc.integer({ min: -5, max: 60 }),
    fc.constantFrom(2 ** 31 + 7, Infinity, -Infinity),
  ),
  victim: fc.option(fc.nat(30), { nil: undefined }),
  again: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
});
const cancel: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("cancel" as const),
  which: fc.nat(30),
});
const advance: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("advance" as const),
  ms: fc.oneof(fc.nat(30), fc.constant(2 ** 31)),
});
const steps = fc.array(fc.oneof({ weight: 3, arbitrary: add }, cancel, advance), {
  maxLength: 60,
});

interface Entry {
  readonly id: number;
  readonly at: number;
  /** The turn it runs in: never before it was added. */
  readonly turn: number;
  readonly victim: number | undefined;
  readonly again: number | undefined;
}

/** The naive queue: a list, of which the first is looked for again and again. */
class Model {
  now = 0;
  nextId = 0;
  waiting: Entry[] = [];
  readonly ran: number[] = [];

  add(at: number, victim?: number, again?: number): void {
    this.waiting.push({ id: this.nextId++, at, turn: Math.max(at, this.now), victim, again });
  }

  cancel(id: number): void {
    this.waiting = this.waiting.filter((entry) => entry.id !== id);
  }

  advance(ms: number): void {
    const target = this.now + ms;
    for (;;) {
      this.waiting.sort((a, b) => a.turn - b.turn || compare(a.at, b.at) || a.id - b.id);
      const first = this.waiting[0];
      if (first === undefined || first.turn > target) break;
      this.waiting.shift();
      this.now = Math.max(this.now, first.turn);
      this.ran.push(first.id);
      if (first.victim !== undefined) this.cancel(first.victim);
      if (first.again !== undefined) this.add(this.now + first.again);
    }
    this.now = target;
  }
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

test("TimerQueue does what a sorted list does, with one timer at most", () => {
  fc.assert(
    fc.property(steps, (steps) => {
      withTimers((timers) => {
        const queue = new TimerQueue(() => timers.now);
        const model = new Model();
        const entries: Timer[] = [];
        const ran: number[] = [];
        const schedule = (at: number, victim?: number, again?: number) => {
          const id = entries.length;
          entries.push(queue.add(at, () => {
            ran.push(id);
            if (victim !== undefined) entries[victim]?.cancel();
            if (again !== undefined) schedule(timers.now + again);
          }));
        };
        for (const step of steps) {
          if (step.kind === "add") {
            schedule(timers.now + step.after, step.victim, step.again);
            model.add(model.now + step.after, step.victim, step.again);
          } else if (step.kind === "cancel") {
            entries[step.which]?.cancel();
            model.cancel(step.which);
          } else {
            timers.runTo(timers.now + step.ms);
            model.advance(step.ms);
          }
          assert.deepEqual(ran, model.ran);
          assert.equal(queue.size, model.waiting.length);
          assert.ok(timers.armed <= 1);
          assert.ok(queue.size === 0 || timers.armed === 1, "what waits is waited for");
        }
        assert.ok(timers.most <= 1);
        for (const entry of entries) entry.cancel();
        timers.runTo(timers.now + SETTLE_MS);
        assert.equal(timers.armed, 0);
        assert.equal(queue.size, 0);
      });
    }),
    { numRuns: 500 },
  );
});

test("TimerQueue keeps its order when many of many entries are cancelled", () => {
  const entry = fc.record({ at: fc.nat(40), cancelled: fc.boolean() });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 8, maxLength: 80 }), (entries) => {
      withTimers((timers) => {
        const queue = new TimerQueue(() => timers.now);
        const ran: number[] = [];
        const added = entries.map(({ at }, i) => queue.add(at, () => ran.push(i)));
        for (const [i, { cancelled }] of entries.entries()) if (cancelled) added[i]!.cancel();
        timers.runTo(40 + SETTLE_MS);
        const expected = entries.map(({ at, cancelled }, i) => ({ at, cancelled, i }))
          .filter(({ cancelled }) => !cancelled)
          .sort((a, b) => a.at - b.at || a.i - b.i);
        assert.deepEqual(ran, expected.map(({ i }) => i));
        assert.equal(timers.armed, 0);
      });
    }),
    { numRuns: 500 },
  );
});

test("TestClock runs what the system's queue would run, in the same order", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const clock = new TestClock();
      const model = new Model();
      const timers: Timer[] = [];
      const ran: number[] = [];
      for (const step of steps) {
        if (step.kind === "add") {
          const id = timers.length;
          timers.push(clock.schedule(clock.now() + step.after, () => ran.push(id)));
          model.add(model.now + step.after);
        } else if (step.kind === "cancel") {
          timers[step.which]?.cancel();
          model.cancel(step.which);
        } else {
          await clock.advance(step.ms);
          model.advance(step.ms);
        }
        assert.deepEqual(ran, model.ran);
        assert.equal(clock.pending, model.waiting.length);
        assert.equal(clock.now(), model.now);
      }
    }),
    { numRuns: 50 },
  );
});
