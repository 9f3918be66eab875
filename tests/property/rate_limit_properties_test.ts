import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { message, RateLimitError, text } from "../../src/core/mod.ts";
import { rateLimit } from "../../src/middleware/rate_limit.ts";
import { TestClock } from "../../src/testing/mod.ts";

const SLACK = 1e-3;

interface Arrival {
  /** Milliseconds since the arrival before. */
  readonly gap: number;
  readonly cost: number;
  /** After how many milliseconds the caller leaves, if it has not had its turn. */
  readonly patience: number | undefined;
}

interface Admission {
  readonly id: number;
  readonly at: number;
  readonly cost: number;
}

const limits = fc.record({
  rate: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0.1, max: 50, noNaN: true })),
  burst: fc.integer({ min: 1, max: 8 }),
});

const arrivals = (withAborts: boolean) =>
  fc.array(
    fc.record({
      gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 700 })),
      cost: fc.integer({ min: 1, max: 8 }),
      patience: withAborts
        ? fc.option(fc.integer({ min: 0, max: 3000 }), { nil: undefined })
        : fc.constant(undefined),
    }),
    { minLength: 1, maxLength: 40 },
  );

/** Drives the real limiter; what is not admitted or refused has left. */
async function drive(
  list: readonly Arrival[],
  options: Parameters<typeof rateLimit>[0] & { burst: number },
) {
  const clock = new TestClock();
  const limit = rateLimit({ ...options, clock, tokensPerCall: (m) => costs[Number(text(m))]! });
  const costs = list.map((one) => Math.min(one.cost, options.burst));
  const admitted: Admission[] = [];
  const refused: { id: number; at: number; error: RateLimitError; waiting: number }[] = [];
  const target = limit({
    name: "a",
    process: (m) => {
      const id = Number(text(m));
      admitted.push({ id, at: clock.now(), cost: costs[id]! });
      return Promise.resolve(m);
    },
  });
  const calls: Promise<unknown>[] = [];
  for (const [id, { gap, patience }] of list.entries()) {
    await clock.advance(gap);
    const controller = new AbortController();
    const timer = patience === undefined
      ? undefined
      : clock.schedule(clock.now() + patience, () => controller.abort());
    const at = clock.now();
    const waiting = limit.metrics.waitingRequests;
    calls.push(
      target.process(message("user", `${id}`), { signal: controller.signal }).then(
        () => timer?.cancel(),
        (error) => {
          timer?.cancel();
          if (error instanceof RateLimitError) refused.push({ id, at, error, waiting });
          else assert.equal(error.name, "AbortError");
        },
      ),
    );
  }
  await clock.runAll();
  await Promise.all(calls);
  assert.equal(clock.pending, 0);
  const m = limit.metrics;
  assert.equal(m.waitingRequests, 0);
  assert.equal(m.totalRequests, m.allowedRequests + m.rejectedRequests + m.cancelledRequests);
  assert.equal(m.totalRequests, list.length);
  assert.equal(m.allowedRequests, admitted.length);
  return { admitted, refused, costs };
}

/** A token bucket with a line, as plainly as it can be written. */
function reference(
  list: readonly Arrival[],
  costs: readonly number[],
  rate: number,
  burst: number,
): Admission[] {
  const admitted: Admission[] = [];
  const line: { id: number; cost: number; leaves: number }[] = [];
  let now = 0;
  let tokens = burst;
  const until = (end: number) => {
    for (;;) {
      const nextLeave = Math.min(...line.map((one) => one.leaves));
      const first = line[0];
      const due = first === undefined
        ? Infinity
        : now + Math.max(0, ((first.cost - tokens) * 1000) / rate);
      const next = Math.min(nextLeave, due);
      if (next > end || next === Infinity) break;
      tokens = Math.min(burst, tokens + ((next - now) * rate) / 1000);
      now = next;
      if (nextLeave < due - 1e-9) {
        line.splice(line.findIndex((one) => one.leaves === nextLeave), 1);
      } else {
        line.shift();
        tokens -= first!.cost;
        admitted.push({ id: first!.id, at: now, cost: first!.cost });
      }
    }
    if (end === Infinity) return;
    tokens = Math.min(burst, tokens + ((end - now) * rate) / 1000);
    now = end;
  };
  let at = 0;
  for (const [id, { gap, patience }] of list.entries()) {
    at += gap;
    until(at);
    line.push({ id, cost: costs[id]!, leaves: patience === undefined ? Infinity : at + patience });
    until(at);
  }
  until(Infinity);
  return admitted;
}

function assertWithinQuota(admitted: readonly Admission[], rate: number, burst: number) {
  for (let from = 0; from < admitted.length; from++) {
    let taken = 0;
    for (let to = from; to < admitted.length; to++) {
      taken += admitted[to]!.cost;
      const allowed = burst + (rate * (admitted[to]!.at - admitted[from]!.at)) / 1000;
      assert.ok(taken <= allowed + SLACK, `${taken} tokens where ${allowed} are allowed`);
    }
  }
}

test("rateLimit() never admits more than burst + rate * t in any window (defect 3)", async () => {
  await fc.assert(
    fc.asyncProperty(limits, arrivals(true), async ({ rate, burst }, list) => {
      const { admitted } = await drive(list, { rate, burst });
      assertWithinQuota(admitted, rate, burst);
    }),
    { numRuns: 60 },
  );
});

test("rateLimit() admits all that wait, in order, exactly when a plain token bucket would (defect 3)", async () => {
  await fc.assert(
    fc.asyncProperty(limits, arrivals(false), async ({ rate, burst }, list) => {
      const { admitted, refused, costs } = await drive(list, { rate, burst });
      assert.equal(refused.length, 0);
      const expected = reference(list, costs, rate, burst);
      assert.deepEqual(admitted.map((one) => one.id), expected.map((one) => one.id));
      for (const [i, { at }] of admitted.entries()) {
        assert.ok(Math.abs(at - expected[i]!.at) < SLACK, `${at} instead of ${expected[i]!.at}`);
      }
    }),
    { numRuns: 60 },
  );
});

test("rateLimit() moves those up who wait behind one that leaves, as a plain line does", async () => {
  await fc.assert(
    // Whole numbers only: a leave and a turn at the same instant may go either way.
    fc.asyncProperty(fc.constantFrom(3, 7, 9), arrivals(true), async (rate, list) => {
      const burst = 4;
      const odd = list.map((one) => ({
        ...one,
        patience: one.patience === undefined ? undefined : one.patience + 0.123,
      }));
      const { admitted, costs } = await drive(odd, { rate, burst });
      const expected = reference(odd, costs, rate, burst);
      assert.deepEqual(admitted.map((one) => one.id), expected.map((one) => one.id));
      for (const [i, { at }] of admitted.entries()) {
        assert.ok(Math.abs(at - expected[i]!.at) < SLACK, `${at} instead of ${expected[i]!.at}`);
      }
    }),
    { numRuns: 60 },
  );
});

test("rateLimit() in mode reject refuses only when a plain token bucket has too little", async () => {
  await fc.assert(
    fc.asyncProperty(limits, arrivals(false), async ({ rate, burst }, list) => {
      const { admitted, refused, costs } = await drive(list, { rate, burst, mode: "reject" });
      assertWithinQuota(admitted, rate, burst);
      const verdicts = new Map<number, boolean>(admitted.map((one) => [one.id, true]));
      for (const one of refused) verdicts.set(one.id, false);
      let tokens = burst;
      for (const [id, { gap }] of list.entries()) {
        tokens = Math.min(burst, tokens + (gap * rate) / 1000);
        const admit = verdicts.get(id)!;
        // The model's own last bits may be off either way.
        if (admit) assert.ok(tokens >= costs[id]! - SLACK, `admitted with ${tokens}`);
        else assert.ok(tokens < costs[id]! + SLACK, `refused with ${tokens}`);
        if (admit) tokens -= costs[id]!;
      }
      for (const { id, error } of refused) {
        assert.ok(error.retryAfterMs! <= Math.ceil((costs[id]! * 1000) / rate + SLACK));
        assert.ok(error.retryAfterMs! > 0);
      }
    }),
    { numRuns: 60 },
  );
});

test("rateLimit() refuses a call that may wait only for its queue or its longest wait", async () => {
  await fc.assert(
    fc.asyncProperty(
      limits,
      arrivals(true),
      fc.integer({ min: 0, max: 5 }),
      fc.integer({ min: 0, max: 2000 }),
      async ({ rate, burst }, list, maxQueue, maxWaitMs) => {
        const { admitted, refused } = await drive(list, { rate, burst, maxQueue, maxWaitMs });
        assertWithinQuota(admitted, rate, burst);
        for (const { error, waiting } of refused) {
          assert.ok(waiting >= maxQueue || error.retryAfterMs! > maxWaitMs, error.message);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("rateLimit() with keys treats each key as a limiter of its own", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.constantFrom("a", "b", "c")), {
        maxLength: 40,
      }),
      async (events) => {
        const shared = new TestClock();
        const keyed = rateLimit({
          clock: shared,
          rate: 3,
          burst: 2,
          mode: "reject",
          key: text,
        })(ok);
        const alone = new Map(
          ["a", "b", "c"].map((key) => [
            key,
            rateLimit({ clock: shared, rate: 3, burst: 2, mode: "reject" })(ok),
          ]),
        );
        for (const [gap, key] of events) {
          await shared.advance(gap);
          const [one, other] = await Promise.allSettled([
            keyed.process(message("user", key)),
            alone.get(key)!.process(message("user", key)),
          ]);
          assert.equal(one.status, other.status);
        }
      },
    ),
    { numRuns: 60 },
  );
});

const ok = { name: "ok", process: (m: ReturnType<typeof message>) => Promise.resolve(m) };
