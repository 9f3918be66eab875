import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { message } from "../../src/core/mod.ts";
import { hedge, retryBudget } from "../../src/middleware/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";

/** How an attempt goes. Each kind of time has a fraction of its own: no two are the same. */
const attempts = fc.array(
  fc.record({
    takesMs: fc.integer({ min: 0, max: 100 }).map((ms) => ms + 0.1),
    fails: fc.boolean(),
  }),
  { minLength: 4, maxLength: 4 },
).map((list) => list.map((one, i) => ({ ...one, takesMs: one.takesMs + i / 100 })));

const shape = fc.record({
  attempts,
  delayMs: fc.integer({ min: 0, max: 60 }),
  maxAttempts: fc.integer({ min: 2, max: 4 }),
  abort: fc.option(fc.integer({ min: 0, max: 150 }).map((ms) => ms + 0.5), { nil: undefined }),
});

test("hedge() takes the first success, cancels the rest, and fails only when all have", async () => {
  await fc.assert(fc.asyncProperty(shape, async ({ attempts, delayMs, maxAttempts, abort }) => {
    const clock = new TestClock();
    const hedging = hedge({ clock, delayMs, maxAttempts });
    const cancelled = new Set<number>();
    let started = 0;
    const target = hedging({
      name: "inner",
      process: async (m, call) => {
        const id = started++;
        const { takesMs, fails } = attempts[id]!;
        call!.signal!.addEventListener("abort", () => cancelled.add(id));
        await clock.sleep(takesMs, call!.signal);
        if (fails) throw new Error(`failure ${id}`);
        return m.with({ content: id });
      },
    });
    const controller = new AbortController();
    if (abort !== undefined) clock.schedule(abort, () => controller.abort());
    const call = target.process(message("user", "hi"), { signal: controller.signal });
    const settled = call.then(
      (answer) => ({ at: clock.now(), answer: answer.content }),
      (error) => ({ at: clock.now(), error }),
    );
    await clock.runAll();
    const outcome = await settled;

    // Plainly: attempt i starts at i * delay, unless it was all over by then.
    let launched = 0;
    let over = Infinity;
    for (; launched < maxAttempts && launched * delayMs < over; launched++) {
      const starts = launched * delayMs;
      const before = attempts.slice(0, launched);
      const lastEnd = Math.max(...before.map((one, i) => i * delayMs + one.takesMs));
      // All that run have failed: nothing is left to hedge.
      if (launched > 0 && before.every(({ fails }) => fails) && lastEnd < starts) break;
      if (starts > (abort ?? Infinity)) break;
      const { takesMs, fails } = attempts[launched]!;
      if (!fails) over = Math.min(over, starts + takesMs);
    }
    const ran = attempts.slice(0, launched).map((one, i) => ({
      ...one,
      end: i * delayMs + one.takesMs,
    }));
    const allFailed = Math.max(...ran.map(({ end }) => end));
    const end = Math.min(over, abort ?? Infinity, over === Infinity ? allFailed : Infinity);
    assert.equal(started, launched);
    assert.ok(Math.abs(outcome.at - end) < 1e-9, `${outcome.at} instead of ${end}`);
    const m = hedging.metrics;
    if ("answer" in outcome) {
      const winner = outcome.answer as number;
      assert.ok(Math.abs(ran[winner]!.end - end) < 1e-9 && !ran[winner]!.fails);
      assert.deepEqual([m.successfulRequests, m.hedgeWins], [1, winner > 0 ? 1 : 0]);
      assert.equal(cancelled.has(winner), false, "cancelled the winner");
    } else if (end === abort) {
      assert.equal(outcome.error, controller.signal.reason);
      assert.equal(m.cancelledRequests, 1);
    } else {
      assert.equal(outcome.error.message, "failure 0");
      assert.equal(m.failedRequests, 1);
    }
    for (const [id, one] of ran.entries()) {
      assert.equal(cancelled.has(id), one.end > end + 1e-9, `attempt ${id}`);
    }
    assert.equal(m.hedges, launched - 1);
    assert.equal(m.inFlightRequests, 0);
    assert.equal(clock.pending, 0);
  }));
});

test("hedge() makes at most burst + ratio * calls hedges, however slow everything is", async () => {
  const budgets = fc.record({
    ratio: fc.double({ min: 0, max: 1, noNaN: true }),
    burst: fc.integer({ min: 0, max: 5 }),
  });
  const gaps = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 40 });
  await fc.assert(fc.asyncProperty(budgets, gaps, async ({ ratio, burst }, gaps) => {
    const clock = new TestClock();
    const hedging = hedge({ clock, delayMs: 10, budget: retryBudget({ ratio, burst }) });
    const target = hedging({ name: "slow", process: (m) => clock.sleep(100).then(() => m) });
    const calls: Promise<unknown>[] = [];
    for (const [i, gap] of gaps.entries()) {
      await clock.advance(gap);
      calls.push(target.process(message("user", "hi")));
      assert.ok(hedging.metrics.hedges <= burst + ratio * (i + 1) + 1e-6);
    }
    await clock.runAll();
    await Promise.all(calls);
    const { hedges, hedgesDenied } = hedging.metrics;
    assert.equal(hedges + hedgesDenied, gaps.length);
    assert.ok(hedges <= burst + ratio * gaps.length + 1e-6);
  }));
});
