import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Agent, message } from "../../src/core/mod.ts";
import {
  attemptsOf,
  decorrelatedBackoff,
  type Jitter,
  retry,
  retryBudget,
  type RetryOptions,
} from "../../src/middleware/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";

const question = message("user", "hi");

/** Calls an agent that fails so many times through the real middleware, and writes down what happens when. */
async function drive(
  failures: number,
  options: RetryOptions = {},
  deadline?: number,
  errorOf: (attempt: number) => Error = (attempt) => new Error(`failure ${attempt}`),
) {
  const clock = new TestClock();
  /** When each attempt began. */
  const starts: number[] = [];
  const delays: number[] = [];
  const inner: Agent = {
    name: "failing",
    process: (m) => {
      const attempt = starts.push(clock.now());
      return attempt <= failures ? Promise.reject(errorOf(attempt)) : Promise.resolve(m);
    },
  };
  const retrying = retry({ clock, ...options, onRetry: ({ delayMs }) => delays.push(delayMs) });
  const call = retrying(inner).process(question, { deadline }).then(() => undefined, (e) => e);
  await clock.runAll();
  const error: unknown = await call;
  assert.equal(clock.pending, 0);
  const waits = starts.slice(1).map((at, i) => at - starts[i]!);
  return { starts, delays, waits, error, metrics: retrying.metrics };
}

const failures = fc.integer({ min: 0, max: 12 });
const maxAttempts = fc.integer({ min: 1, max: 10 });
/** Waits without chance, so that they can be computed. */
const exact = fc.record({
  jitter: fc.constant("none" as const),
  initialBackoffMs: fc.integer({ min: 1, max: 2000 }),
  maxBackoffMs: fc.integer({ min: 2000, max: 60_000 }),
  backoffMultiplier: fc.double({ min: 1.01, max: 5, noNaN: true }),
});

test("retry() never makes more than maxAttempts (property 28)", async () => {
  await fc.assert(fc.asyncProperty(failures, maxAttempts, async (failures, maxAttempts) => {
    const { starts, error } = await drive(failures, { maxAttempts });
    assert.equal(starts.length, Math.min(failures + 1, maxAttempts));
    assert.equal(error === undefined, failures < maxAttempts);
  }));
});

test("retry() never waits less than the time before, without jitter (property 29)", async () => {
  await fc.assert(fc.asyncProperty(failures, exact, async (failures, options) => {
    const { delays } = await drive(failures, { ...options, maxAttempts: 10 });
    assert.deepEqual(delays, delays.toSorted((a, b) => a - b));
  }));
});

test("retry() stops at the first success (property 30)", async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 8 }), async (failures) => {
    const { starts, error, metrics } = await drive(failures, { maxAttempts: 10 });
    assert.equal(error, undefined);
    assert.equal(starts.length, failures + 1);
    assert.deepEqual([metrics.successfulRequests, metrics.failedRequests], [1, 0]);
  }));
});

test("retry() never waits longer than maxBackoffMs, whatever the jitter (property 31)", async () => {
  const jitter = fc.constantFrom<Jitter>("none", "equal", "full");
  await fc.assert(fc.asyncProperty(failures, exact, jitter, async (failures, options, jitter) => {
    const { waits } = await drive(failures, { ...options, jitter, maxAttempts: 20 });
    for (const wait of waits) assert.ok(wait <= options.maxBackoffMs + 1e-6, `${wait}`);
  }));
});

test("retry() counts one attempt and its retries, and tells each failure (property 32)", async () => {
  await fc.assert(fc.asyncProperty(failures, maxAttempts, async (failures, maxAttempts) => {
    const { starts, error, metrics } = await drive(failures, { maxAttempts });
    assert.equal(starts.length, 1 + metrics.retries);
    if (error === undefined) return;
    const { attempts, errors, stoppedBy } = attemptsOf(error)!;
    assert.deepEqual([attempts, stoppedBy], [starts.length, "maxAttempts"]);
    assert.deepEqual(
      errors.map((one) => (one as Error).message),
      starts.map((_, i) => `failure ${i + 1}`),
    );
    assert.equal(errors.at(-1), error);
  }));
});

test("retry() tries again exactly what retryIf accepts (property 33)", async () => {
  const kinds = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 });
  await fc.assert(fc.asyncProperty(kinds, async (worth) => {
    const { starts } = await drive(
      worth.length,
      {
        maxAttempts: 20,
        retryIf: (error) => error instanceof TypeError,
      },
      undefined,
      (attempt) => worth[attempt - 1] ? new TypeError("again") : new Error("never"),
    );
    const refused = worth.indexOf(false);
    assert.equal(starts.length, (refused === -1 ? worth.length : refused) + 1);
  }));
});

test("retry() waits initial * multiplier ** n, up to the longest wait (property 34)", async () => {
  await fc.assert(fc.asyncProperty(failures, exact, async (failures, options) => {
    const { initialBackoffMs, backoffMultiplier, maxBackoffMs } = options;
    const { delays, waits } = await drive(failures, { ...options, maxAttempts: 20 });
    assert.equal(delays.length, failures);
    for (const [n, delay] of delays.entries()) {
      const expected = Math.min(initialBackoffMs * backoffMultiplier ** n, maxBackoffMs);
      assert.equal(delay, expected);
      assert.ok(Math.abs(waits[n]! - expected) < 1e-6, "it waited for another time than it told");
    }
  }));
});

test("retry() with maxAttempts 1 makes one attempt and no wait (property 35)", async () => {
  await fc.assert(fc.asyncProperty(failures, async (failures) => {
    const { starts, delays } = await drive(failures, { maxAttempts: 1 });
    assert.deepEqual([starts.length, delays.length], [1, 0]);
  }));
});

test("retry() waits once before each retry (property 36)", async () => {
  await fc.assert(fc.asyncProperty(failures, maxAttempts, async (failures, maxAttempts) => {
    const { delays, metrics } = await drive(failures, { maxAttempts });
    assert.equal(delays.length, metrics.retries);
  }));
});

test("retry() waits initialBackoffMs first, without jitter (property 37)", async () => {
  await fc.assert(fc.asyncProperty(exact, async (options) => {
    const { delays } = await drive(1, options);
    assert.deepEqual(delays, [options.initialBackoffMs]);
  }));
});

/** Chance that fast-check can shrink: the given numbers again and again. */
const chance = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
  minLength: 1,
  maxLength: 10,
}).map((numbers) => {
  let next = 0;
  return () => numbers[next++ % numbers.length]!;
});

test("retry() waits within the bounds of its jitter", async () => {
  const kinds = fc.constantFrom<Jitter>("full", "equal");
  await fc.assert(fc.asyncProperty(exact, kinds, chance, async (options, jitter, random) => {
    const plain = await drive(8, { ...options, maxAttempts: 20 });
    const spread = await drive(8, { ...options, jitter, random, maxAttempts: 20 });
    for (const [n, most] of plain.delays.entries()) {
      const least = jitter === "full" ? 0 : most / 2;
      const delay = spread.delays[n]!;
      assert.ok(delay >= least && delay <= most, `${delay} is not in ${least} to ${most}`);
    }
  }));
});

test("retry() waits with decorrelated jitter up to three times as long as before", async () => {
  const span = fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 9000 }));
  await fc.assert(fc.asyncProperty(span, chance, async ([initialMs, more], random) => {
    const maxMs = initialMs + more;
    const backoff = decorrelatedBackoff({ initialMs, maxMs });
    const { delays } = await drive(8, { backoff, random, maxAttempts: 20 });
    let before = initialMs;
    for (const delay of delays) {
      assert.ok(delay >= initialMs && delay <= Math.min(maxMs, 3 * before), `${delay}`);
      before = delay;
    }
  }));
});

test("retry() starts no attempt at or after the deadline, and none too few", async () => {
  const deadlines = fc.integer({ min: 1, max: 20_000 });
  await fc.assert(fc.asyncProperty(exact, deadlines, async (options, deadline) => {
    const all = await drive(9, { ...options, maxAttempts: 10 });
    const some = await drive(9, { ...options, maxAttempts: 10 }, deadline);
    assert.deepEqual(some.starts, all.starts.filter((at) => at < deadline));
    if (some.starts.length < 10) assert.equal(attemptsOf(some.error)!.stoppedBy, "deadline");
    const total = await drive(9, { ...options, maxAttempts: 10, totalMs: deadline });
    assert.deepEqual(total.starts, some.starts);
  }));
});

test("retry() waits as long as an error asks for, up to maxRetryAfterMs", async () => {
  const asked = fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 6 });
  const cap = fc.integer({ min: 0, max: 3000 });
  await fc.assert(fc.asyncProperty(asked, exact, cap, async (list, options, maxRetryAfterMs) => {
    const plain = await drive(list.length, { ...options, maxAttempts: 20 });
    const told = await drive(
      list.length,
      { ...options, maxAttempts: 20, maxRetryAfterMs },
      undefined,
      (attempt) => Object.assign(new Error("busy"), { retryAfterMs: list[attempt - 1] }),
    );
    for (const [n, delay] of told.delays.entries()) {
      assert.equal(delay, Math.max(plain.delays[n]!, Math.min(list[n]!, maxRetryAfterMs)));
    }
  }));
});

test("retry() with a budget makes at most burst + ratio * calls retries, all callers together", async () => {
  const shape = fc.record({
    ratio: fc.double({ min: 0, max: 1, noNaN: true }),
    burst: fc.integer({ min: 0, max: 10 }),
    calls: fc.integer({ min: 1, max: 40 }),
    atOnce: fc.boolean(),
  });
  await fc.assert(fc.asyncProperty(shape, async ({ ratio, burst, calls, atOnce }) => {
    const clock = new TestClock();
    const retrying = retry({ clock, maxAttempts: 4, budget: retryBudget({ ratio, burst }) });
    const target = retrying({ name: "down", process: () => Promise.reject(new Error("down")) });
    const running: Promise<unknown>[] = [];
    for (let i = 1; i <= calls; i++) {
      running.push(target.process(question).catch(() => {}));
      if (!atOnce) await clock.runAll();
      assert.ok(retrying.metrics.retries <= burst + ratio * i + 1e-6);
    }
    await clock.runAll();
    await Promise.all(running);
    const { retries, retriesDenied, failedRequests } = retrying.metrics;
    assert.ok(retries <= burst + ratio * calls + 1e-6, `${retries} retries`);
    assert.equal(failedRequests, calls);
    assert.ok(retries === 3 * calls || retriesDenied > 0, "refused without need");
  }));
});

test("retry() of a stream hands each chunk on once, whatever fails when", async () => {
  /** How many chunks each attempt yields before it fails. */
  const attempts = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 6 });
  await fc.assert(fc.asyncProperty(attempts, async (list) => {
    const clock = new TestClock();
    let attempt = 0;
    const target = retry({ clock, maxAttempts: list.length + 1 })({
      name: "broken",
      process: () => assert.fail("not a stream"),
      async *stream(m) {
        const chunks = list[attempt++];
        for (let i = 0; i < (chunks ?? 2); i++) yield m.with({ content: i });
        if (chunks !== undefined) throw new Error("broken");
      },
    });
    const got: unknown[] = [];
    const reading = (async () => {
      for await (const chunk of target.stream!(question)) got.push(chunk.content);
    })().then(() => true, () => false);
    await clock.runAll();
    const complete = await reading;
    const broken = list.findIndex((chunks) => chunks > 0);
    assert.equal(complete, broken === -1);
    assert.equal(attempt, broken === -1 ? list.length + 1 : broken + 1);
    assert.deepEqual(got, [0, 1, 2].slice(0, broken === -1 ? 2 : list[broken]));
  }));
});
