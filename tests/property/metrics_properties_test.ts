import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  type Agent,
  CircuitOpenError,
  message,
  RateLimitError,
  TimeoutError,
} from "../../src/core/mod.ts";
import { Histogram } from "../../src/middleware/histogram.ts";
import { metrics } from "../../src/middleware/metrics.ts";
import { TestClock } from "../../src/testing/mod.ts";

const hello = message("user", "hi");

const ENDINGS = {
  successRequests: () => undefined,
  failedRequests: () => new AgenkitError("internal", "x"),
  timedOutRequests: () => new TimeoutError("x"),
  rejectedRequests: (odd: boolean) => odd ? new RateLimitError("x") : new CircuitOpenError("x"),
  cancelledRequests: () => new AgenkitError("cancelled", "x"),
} as const;

type Ending = keyof typeof ENDINGS;

const calls = fc.array(
  fc.record({
    startMs: fc.integer({ min: 0, max: 500 }),
    takesMs: fc.integer({ min: 0, max: 500 }),
    ending: fc.constantFrom(...Object.keys(ENDINGS) as Ending[]),
    stream: fc.boolean(),
    chunks: fc.integer({ min: 0, max: 3 }),
    /** Cancels or breaks off meanwhile. */
    leavesMs: fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined }),
  }),
  { maxLength: 30 },
);

test("metrics() accounts for every call at every moment, whatever ends it (defect 5)", async () => {
  await fc.assert(
    fc.asyncProperty(calls, fc.integer({ min: 0, max: 900 }), async (list, resetAt) => {
      const clock = new TestClock();
      const counted = metrics({ clock });
      let running = 0;
      let endedSinceReset = 0;
      const check = () => {
        const s = counted.snapshot();
        assert.equal(s.inFlightRequests, running);
        assert.equal(
          s.totalRequests,
          s.successRequests + s.failedRequests + s.timedOutRequests + s.rejectedRequests +
            s.cancelledRequests + s.inFlightRequests,
        );
        assert.equal(s.totalRequests, endedSinceReset + running);
        const codes = Object.values(s.codes).reduce((sum, count) => sum + count, 0);
        assert.equal(codes, s.errorRequests + s.cancelledRequests);
        assert.equal(
          s.latencyMs.count,
          s.successRequests + s.failedRequests + s.timedOutRequests,
        );
      };
      const run = async (one: (typeof list)[number], index: number) => {
        await clock.sleep(one.startMs);
        const target = counted(agentFor(one, index, clock));
        const controller = new AbortController();
        const timer = one.leavesMs === undefined
          ? undefined
          : clock.schedule(clock.now() + one.leavesMs, () => controller.abort());
        running++;
        const before = counted.snapshot();
        const call = { signal: controller.signal };
        const ended = one.stream
          ? readAll(target.stream!(hello, call))
          : target.process(hello, call);
        await ended.catch(() => {});
        timer?.cancel();
        running--;
        endedSinceReset++;
        assert.ok(counted.snapshot().totalRequests >= 0 && before.totalRequests >= 0);
        check();
      };
      const all = Promise.all(list.map(run));
      clock.schedule(resetAt, () => {
        counted.reset();
        endedSinceReset = 0;
        check();
      });
      await clock.runAll();
      await all;
      assert.equal(counted.snapshot().inFlightRequests, 0);
      check();
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 80 },
  );
});

function agentFor(
  one: { takesMs: number; ending: Ending; chunks: number },
  index: number,
  clock: TestClock,
): Agent {
  const finish = async (signal?: AbortSignal) => {
    await clock.sleep(one.takesMs, signal);
    const error = ENDINGS[one.ending](index % 2 === 0);
    if (error !== undefined) throw error;
  };
  return {
    name: "a",
    process: (m, call) => finish(call?.signal).then(() => m),
    stream: async function* (m, call) {
      for (let i = 0; i < one.chunks; i++) yield m;
      await finish(call?.signal);
    },
  };
}

async function readAll(stream: AsyncIterable<unknown>) {
  for await (const _ of stream);
}

test("metrics() counts each ending in its own field", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...Object.keys(ENDINGS) as Ending[]), { maxLength: 50 }),
      async (endings) => {
        const clock = new TestClock();
        const counted = metrics({ clock });
        for (const [i, ending] of endings.entries()) {
          const target = counted(agentFor({ takesMs: 0, ending, chunks: 0 }, i, clock));
          await Promise.all([target.process(hello).catch(() => {}), clock.runAll()]);
        }
        const s = counted.snapshot();
        for (const ending of Object.keys(ENDINGS) as Ending[]) {
          assert.equal(s[ending], endings.filter((one) => one === ending).length, ending);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("Histogram quantiles are those of the sorted values, within 1.6 %", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.001, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 10 }),
      (values, parts) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const sorted = values.toSorted((a, b) => a - b);
        let before = 0;
        for (const part of parts.toSorted((a, b) => a - b)) {
          const exact = sorted[Math.max(0, Math.ceil(part * values.length) - 1)]!;
          const got = histogram.quantile(part)!;
          assert.ok(Math.abs(got - exact) <= exact / 60, `${part}: ${got} instead of ${exact}`);
          assert.ok(got >= before && got >= histogram.min! && got <= histogram.max!);
          before = got;
        }
        assert.equal(histogram.min, sorted[0]);
        assert.equal(histogram.max, sorted.at(-1));
      },
    ),
  );
});
