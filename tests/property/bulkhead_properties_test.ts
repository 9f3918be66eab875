import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, message } from "../../src/core/mod.ts";
import { aimdLimit, bulkhead, BulkheadFullError, gradientLimit } from "../../src/middleware/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";

const arrivals = fc.array(
  fc.record({
    gap: fc.integer({ min: 0, max: 30 }),
    takesMs: fc.integer({ min: 0, max: 80 }),
    /** After how many milliseconds the caller leaves; half of one apart from all that ends. */
    patience: fc.option(fc.integer({ min: 0, max: 100 }).map((ms) => ms + 0.5), { nil: undefined }),
    fails: fc.boolean(),
  }),
  { maxLength: 40 },
);

const limits = fc.record({
  maxConcurrent: fc.integer({ min: 1, max: 4 }),
  maxQueue: fc.integer({ min: 0, max: 6 }),
  maxWaitMs: fc.option(fc.integer({ min: 1, max: 60 }).map((ms) => ms + 0.25), { nil: undefined }),
});

test("bulkhead() keeps to its limits, serves in order and settles everybody (defect 17)", async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, limits, async (list, limits) => {
      const clock = new TestClock();
      const guard = bulkhead({ clock, ...limits });
      let running = 0;
      const started: number[] = [];
      const target = guard({
        name: "worker",
        process: async (m, call) => {
          const one = list[m.content as number]!;
          started.push(m.content as number);
          assert.ok(!call!.signal!.aborted, "called for somebody who had left");
          assert.ok(++running <= limits.maxConcurrent, "too many at once");
          try {
            await clock.sleep(one.takesMs, call!.signal);
          } finally {
            running--;
          }
          if (one.fails) throw new TypeError("down");
          return m;
        },
      });
      const outcomes: string[] = [];
      const calls: Promise<void>[] = [];
      for (const [id, { gap, patience }] of list.entries()) {
        await clock.advance(gap);
        const controller = new AbortController();
        const { signal } = controller;
        const leave = patience === undefined
          ? undefined
          : clock.schedule(clock.now() + patience, () => controller.abort());
        const { queuedRequests, runningRequests } = guard.metrics;
        const full = runningRequests === limits.maxConcurrent && queuedRequests === limits.maxQueue;
        const since = clock.now();
        calls.push(
          target.process(message("user", id), { signal }).then(() => "ok", (error) => {
            if (error === signal.reason) return "cancelled";
            if (error instanceof TypeError) return "failed";
            assert.ok(error instanceof BulkheadFullError);
            if (clock.now() === since) assert.ok(full, "refused without need");
            else assert.equal(clock.now(), since + limits.maxWaitMs!);
            return "rejected";
          }).then((outcome) => {
            assert.equal(outcomes[id], undefined, "settled twice");
            outcomes[id] = outcome;
            leave?.cancel();
          }),
        );
        const m = guard.metrics;
        assert.ok(m.queuedRequests <= limits.maxQueue);
        assert.equal(m.totalRequests, id + 1);
      }
      await clock.runAll();
      await Promise.all(calls);
      assert.deepEqual(started, started.toSorted((a, b) => a - b), "not in order of arrival");
      const m = guard.metrics;
      const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
      assert.deepEqual(
        [m.successfulRequests, m.failedRequests, m.rejectedRequests, m.cancelledRequests],
        ["ok", "failed", "rejected", "cancelled"].map(count),
      );
      assert.equal(m.inFlightRequests + m.runningRequests + m.queuedRequests, 0);
      assert.equal(clock.pending, 0);
    }),
  );
});

test("bulkhead() never leaves a place empty while somebody waits", async () => {
  const actions = fc.array(fc.tuple(fc.boolean(), fc.nat(10)), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(actions, fc.integer({ min: 1, max: 4 }), async (list, maxConcurrent) => {
      const guard = bulkhead({ maxConcurrent, maxQueue: 100 });
      const running: PromiseWithResolvers<Message>[] = [];
      const target = guard({
        name: "controlled",
        process: () => {
          const call = Promise.withResolvers<Message>();
          running.push(call);
          return call.promise;
        },
      });
      let unsettled = 0;
      for (const [arrives, which] of list) {
        if (arrives) {
          unsettled++;
          void target.process(message("user", "hi")).then(() => unsettled--);
        } else running.splice(which, 1)[0]?.resolve(message("agent", "ok"));
        for (let i = 0; i < 10; i++) await null;
        assert.equal(running.length, Math.min(unsettled, maxConcurrent));
        assert.equal(guard.metrics.queuedRequests, unsettled - running.length);
      }
    }),
  );
});

test("aimdLimit() and gradientLimit() stay within their bounds, whatever they are told", () => {
  const bounds = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.nat(50), fc.nat(50));
  const samples = fc.array(
    fc.record({
      latencyMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      inFlight: fc.integer({ min: 1, max: 200 }),
      dropped: fc.boolean(),
    }),
    { maxLength: 100 },
  );
  fc.assert(fc.property(bounds, samples, ([min, toInitial, toMax], list) => {
    const options = { min, initial: min + toInitial, max: min + toInitial + toMax };
    for (const limit of [aimdLimit(options), gradientLimit(options)]) {
      assert.equal(limit.limit, options.initial);
      for (const sample of list) {
        const before = limit.limit;
        limit.record(sample);
        assert.ok(Number.isInteger(limit.limit));
        assert.ok(limit.limit >= min && limit.limit <= options.max, `${limit.limit}`);
        if (sample.dropped) assert.ok(limit.limit <= before, "grew after a drop");
      }
    }
  }));
});
