import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "./fc.ts";
import { abortable } from "../../src/core/abortable.ts";
import { cancelOnBreak } from "../../src/core/cancel_on_break.ts";
import { tee } from "../../src/core/tee.ts";
import { Source } from "../unit/core/fakes.ts";

const FAILURE = new Error("the source failed");
const REASON = new Error("aborted");

/** A source of numbers whose every step waits for the scheduler. */
function scheduled(s: fc.Scheduler, length: number, fails: boolean, onNext: () => void = () => {}) {
  const step = s.scheduleFunction((n: number): Promise<IteratorResult<number>> => {
    if (n < length) return Promise.resolve({ done: false, value: n });
    return fails ? failed() : Promise.resolve({ done: true, value: undefined });
  });
  return new Source<number>((n) => {
    onNext();
    return step(n);
  }, async () => void await s.schedule(Promise.resolve(), "return()"));
}

/** A rejection that is not unhandled while it waits for the scheduler. */
function failed(): Promise<never> {
  const promise = Promise.reject(FAILURE);
  promise.catch(() => {});
  return promise;
}

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

const source = fc.record({ length: fc.nat(12), fails: fc.boolean() });
/** After how many items a reader breaks off. */
const stop = fc.option(fc.integer({ min: 1, max: 14 }), { nil: Infinity });

test("tee() lets every branch see every item, in any interleaving, within its limit", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      source,
      fc.array(stop, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 4 }),
      async (s, { length, fails }, stops, limit) => {
        const consumed = stops.map(() => 0);
        const open = stops.map(() => true);
        const stream = scheduled(s, length, fails, () => {
          const slowest = Math.min(...consumed.filter((_, i) => open[i]));
          assert.ok(stream.nexts - 1 - slowest <= limit, "a branch lags further than the limit");
        });
        const pause = s.scheduleFunction(() => Promise.resolve());
        const readers = tee(stream, { branches: stops.length, limit }).map(async (branch, i) => {
          const seen: number[] = [];
          let failure: unknown;
          try {
            for await (const n of branch) {
              seen.push(n);
              consumed[i] = seen.length;
              await pause();
              if (seen.length >= stops[i]!) break;
            }
          } catch (error) {
            failure = error;
          } finally {
            open[i] = false;
          }
          return { seen, failure };
        });
        const outcomes = await s.waitFor(Promise.all(readers));
        for (const [i, { seen, failure }] of outcomes.entries()) {
          const stopped = stops[i]! <= length;
          assert.deepEqual(seen, upTo(stopped ? stops[i]! : length));
          assert.equal(failure, !stopped && fails ? FAILURE : undefined);
        }
        const early = stops.every((stop) => stop <= length) && stream.nexts <= length;
        assert.equal(stream.returns, early ? 1 : 0);
      },
    ),
    { numRuns: 300 },
  );
});

test("abortable() hands on a prefix and then the reason, in any interleaving", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      source,
      stop,
      fc.boolean(),
      async (s, { length, fails }, stop, aborts) => {
        const controller = new AbortController();
        const stream = scheduled(s, length, fails);
        if (aborts) s.schedule(Promise.resolve(), "abort").then(() => controller.abort(REASON));
        const seen: number[] = [];
        let failure: unknown;
        const reader = (async () => {
          try {
            for await (const n of abortable(stream, controller.signal)) {
              assert.ok(!controller.signal.aborted, "nothing is handed on after the abort");
              seen.push(n);
              if (seen.length >= stop) break;
            }
          } catch (error) {
            failure = error;
          }
        })();
        await s.waitFor(reader);
        assert.deepEqual(seen, upTo(seen.length));
        assert.ok(stream.returns <= 1);
        if (failure === REASON) {
          assert.ok(controller.signal.aborted);
          assert.equal(stream.returns, 1);
        } else if (seen.length >= stop) {
          assert.equal(failure, undefined);
          assert.equal(stream.returns, 1);
        } else {
          assert.equal(seen.length, length);
          assert.equal(failure, fails ? FAILURE : undefined);
          assert.equal(stream.returns, 0);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("abortable() settles a promise once, in any interleaving", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.boolean(), fc.boolean(), async (s, fails, aborts) => {
      const controller = new AbortController();
      const work = s.schedule(fails ? failed() : Promise.resolve("done"));
      const order: string[] = [];
      work.then(() => order.push("work"), () => order.push("work"));
      if (aborts) {
        s.schedule(Promise.resolve()).then(() => {
          order.push("abort");
          controller.abort(REASON);
        });
      }
      const outcome = abortable(work, controller.signal).catch((error: unknown) => error);
      const expected = await s.waitFor(outcome);
      const first = order[0];
      assert.equal(expected, first === "abort" ? REASON : fails ? FAILURE : "done");
      await s.waitIdle();
    }),
  );
});

test("cancelOnBreak() aborts its signal exactly when the consumer stops early", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), source, stop, async (s, { length, fails }, stop) => {
      const stream = scheduled(s, length, fails);
      let signal: AbortSignal | undefined;
      const seen: number[] = [];
      const reader = (async () => {
        try {
          const started = cancelOnBreak((call) => {
            signal = call.signal;
            return stream;
          });
          for await (const n of started) {
            seen.push(n);
            if (seen.length >= stop) break;
          }
        } catch (error) {
          assert.equal(error, FAILURE);
        }
      })();
      await s.waitFor(reader);
      const early = stop <= length;
      assert.deepEqual(seen, upTo(early ? stop : length));
      assert.equal(signal!.aborted, early);
      assert.equal(stream.returns, early ? 1 : 0);
    }),
    { numRuns: 200 },
  );
});
