import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Agent, CircuitOpenError, type Message, message } from "../../src/core/mod.ts";
import { CallWindow, TimeWindow } from "../../src/middleware/circuit_breaker_window.ts";
import {
  type CircuitBreaker,
  circuitBreaker,
  type CircuitBreakerOptions,
} from "../../src/middleware/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";

const question = message("user", "hi");
const RECOVERY_MS = 1000;

interface Call {
  readonly settle: PromiseWithResolvers<Message>;
  readonly controller: AbortController;
}

/** A real breaker, and calls that end when and how a test says so. */
function setUp(options: CircuitBreakerOptions = {}) {
  const clock = new TestClock();
  const changes: string[] = [];
  const breaker = circuitBreaker({
    clock,
    recoveryTimeoutMs: RECOVERY_MS,
    ...options,
    onStateChange: ({ from, to }) => changes.push(`${from}->${to}`),
  });
  let reached: PromiseWithResolvers<Message> | undefined;
  const target = breaker(
    {
      name: "controlled",
      process: () => (reached = Promise.withResolvers<Message>()).promise,
    } satisfies Agent,
  );
  /** Starts a call: `undefined` if the breaker has refused it. */
  const start = async (): Promise<Call | undefined> => {
    reached = undefined;
    const controller = new AbortController();
    const call = target.process(question, { signal: controller.signal });
    const refused = call.catch((error) => error instanceof CircuitOpenError);
    if (reached !== undefined) return { settle: reached, controller };
    assert.equal(await refused, true, "neither called nor refused");
    return undefined;
  };
  const end = async ({ settle, controller }: Call, how: Ending) => {
    if (how === "ok") settle.resolve(question);
    else if (how === "fail") settle.reject(new Error("down"));
    else controller.abort();
    for (let i = 0; i < 5; i++) await null;
  };
  /** Makes a call that ends at once. Whether it was let in. */
  const call = async (how: Ending): Promise<boolean> => {
    const started = await start();
    if (started !== undefined) await end(started, how);
    return started !== undefined;
  };
  return { clock, breaker, changes, start, end, call };
}

type Ending = "ok" | "fail" | "cancel";

const ending = fc.constantFrom<Ending>("ok", "fail", "cancel");
const limits = fc.record({
  failureThreshold: fc.integer({ min: 1, max: 5 }),
  successThreshold: fc.integer({ min: 1, max: 4 }),
  halfOpenMaxCalls: fc.integer({ min: 1, max: 3 }),
});
type Limits = typeof limits extends fc.Arbitrary<infer T> ? T : never;

const actions = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant({ what: "start" as const }) },
    {
      weight: 6,
      arbitrary: fc.record({ what: fc.constant("end" as const), which: fc.nat(5), how: ending }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ what: fc.constant("wait" as const), ms: fc.nat(RECOVERY_MS) }),
    },
    { weight: 1, arbitrary: fc.constant({ what: "forceOpen" as const }) },
    { weight: 1, arbitrary: fc.constant({ what: "reset" as const }) },
  ),
  { maxLength: 60 },
);

/** What a breaker has to do, told as plainly as possible. */
class Model {
  state: "closed" | "open" | "half_open" = "closed";
  /** Calls of an older era have nothing to say. */
  era = 0;
  failures = 0;
  probes = 0;
  successes = 0;
  /** When an open circuit may be probed, or probes that never came back are given up. */
  until = 0;
  counts = { ok: 0, fail: 0, cancel: 0, rejected: 0, running: 0 };
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** The era of a call that is let in, or `undefined`. */
  start(now: number): number | undefined {
    const { halfOpenMaxCalls } = this.#limits;
    const full = this.state === "half_open" && this.probes >= halfOpenMaxCalls;
    if ((this.state === "open" || full) && now >= this.until) this.#enter("half_open");
    if (this.state === "open" || (this.state === "half_open" && this.probes >= halfOpenMaxCalls)) {
      this.counts.rejected++;
      return undefined;
    }
    if (this.state === "half_open") {
      this.probes++;
      this.until = now + RECOVERY_MS;
    }
    this.counts.running++;
    return this.era;
  }

  end(era: number, how: Ending, now: number): void {
    this.counts.running--;
    this.counts[how]++;
    if (era !== this.era) return;
    if (this.state === "half_open") {
      this.probes--;
      if (how === "fail") this.open(now + RECOVERY_MS);
      if (how === "ok" && ++this.successes >= this.#limits.successThreshold) this.reset();
    } else if (how === "ok") this.failures = 0;
    else if (how === "fail" && ++this.failures >= this.#limits.failureThreshold) {
      this.open(now + RECOVERY_MS);
    }
  }

  open(until = Infinity): void {
    this.#enter("open");
    this.until = until;
  }

  reset(): void {
    this.#enter("closed");
    this.failures = 0;
  }

  #enter(state: Model["state"]): void {
    this.state = state;
    this.era++;
    this.probes = this.successes = 0;
  }
}

test("circuitBreaker() does what a plain model does, whatever comes when (property 9)", async () => {
  await fc.assert(
    fc.asyncProperty(limits, actions, async (limits, list) => {
      const { clock, breaker, changes, start, end } = setUp(limits);
      const model = new Model(limits);
      const running: { readonly call: Call; readonly era: number }[] = [];
      for (const action of list) {
        const now = clock.now();
        if (action.what === "start") {
          const era = model.start(now);
          const call = await start();
          assert.equal(call === undefined, era === undefined, "let in, or refused, without cause");
          if (call !== undefined) running.push({ call, era: era! });
        } else if (action.what === "end") {
          const [one] = running.splice(action.which, 1);
          if (one === undefined) continue;
          model.end(one.era, action.how, now);
          await end(one.call, action.how);
        } else if (action.what === "wait") await clock.advance(action.ms);
        else if (action.what === "forceOpen") {
          model.open();
          breaker.forceOpen();
        } else {
          model.reset();
          breaker.reset();
        }
        assertSame(breaker, model, clock.now());
      }
      for (const change of changes) {
        assert.ok(VALID.has(change), `${change} is no change of state that there can be`);
      }
      assert.equal(clock.pending, 0, "an open circuit needs no timer");
    }),
    { numRuns: 300 },
  );
});

/** The last two only by `forceOpen` and `reset`. */
const VALID = new Set([
  "closed->open",
  "open->half_open",
  "half_open->closed",
  "half_open->open",
  "open->closed",
]);

function assertSame(breaker: CircuitBreaker, model: Model, now: number): void {
  const { counts } = model;
  const m = breaker.metrics;
  assert.equal(breaker.state, model.state);
  assert.equal(m.currentState, model.state);
  assert.deepEqual(
    [m.successfulRequests, m.failedRequests, m.cancelledRequests, m.rejectedRequests],
    [counts.ok, counts.fail, counts.cancel, counts.rejected],
  );
  assert.equal(m.inFlightRequests, counts.running);
  assert.equal(
    m.totalRequests,
    counts.ok + counts.fail + counts.cancel + counts.rejected + counts.running,
  );
  if (model.state === "closed") assert.equal(m.failureCount, model.failures);
  const left = model.state === "open" && model.until !== Infinity
    ? Math.max(0, model.until - now)
    : undefined;
  assert.equal(breaker.retryAfterMs, left);
}

test("circuitBreaker() opens at exactly failureThreshold failures in a row (property 10)", async () => {
  const rows = fc.array(ending, { maxLength: 30 });
  await fc.assert(fc.asyncProperty(limits, rows, async ({ failureThreshold }, list) => {
    const { breaker, call } = setUp({ failureThreshold });
    let row = 0;
    for (const how of list) {
      assert.equal(await call(how), true);
      if (how !== "cancel") row = how === "fail" ? row + 1 : 0;
      assert.equal(breaker.state, row === failureThreshold ? "open" : "closed");
      if (breaker.state === "open") return;
    }
  }));
});

test("circuitBreaker() lets nobody in before recoveryTimeoutMs, and a probe right after (property 11)", async () => {
  const waits = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 10 });
  await fc.assert(fc.asyncProperty(waits, async (list) => {
    const { clock, breaker, call } = setUp({ failureThreshold: 1, successThreshold: 2 });
    await call("fail");
    for (const ms of list) {
      await clock.advance(ms);
      const due = clock.now() >= RECOVERY_MS;
      assert.equal(await call("ok"), due);
      assert.equal(breaker.state, due ? "half_open" : "open");
      if (due) return;
    }
  }));
});

test("circuitBreaker() closes after exactly successThreshold probes (property 12)", async () => {
  await fc.assert(fc.asyncProperty(limits, async (limits) => {
    const { clock, breaker, call } = setUp({ ...limits, failureThreshold: 1 });
    await call("fail");
    await clock.advance(RECOVERY_MS);
    for (let i = 1; i <= limits.successThreshold; i++) {
      assert.equal(await call("ok"), true);
      assert.equal(breaker.state, i < limits.successThreshold ? "half_open" : "closed");
    }
    assert.equal(breaker.metrics.failureCount, 0);
  }));
});

test("circuitBreaker() forgets failures only by a success or on closing (property 13)", async () => {
  const steps = fc.array(fc.oneof(ending, fc.constant("wait" as const)), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(limits, steps, async (limits, list) => {
    const { clock, breaker, changes, call } = setUp(limits);
    let before = 0;
    for (const step of list) {
      if (step === "wait") await clock.advance(RECOVERY_MS);
      else await call(step);
      const { failureCount } = breaker.metrics;
      if (failureCount < before) {
        assert.equal(step, "ok");
        assert.equal(breaker.state, "closed");
      }
      if (changes.at(-1)?.endsWith("->closed") && step === "ok") assert.equal(failureCount, 0);
      before = failureCount;
    }
  }));
});

test("circuitBreaker() lets no call reach the agent while it is open (property 14)", async () => {
  await fc.assert(
    fc.asyncProperty(limits, fc.integer({ min: 1, max: 50 }), async (limits, calls) => {
      const { breaker, call } = setUp(limits);
      for (let i = 0; i < limits.failureThreshold; i++) await call("fail");
      for (let i = 0; i < calls; i++) assert.equal(await call("ok"), false);
      assert.equal(breaker.metrics.rejectedRequests, calls);
      assert.equal(breaker.metrics.successfulRequests, 0);
    }),
  );
});

test("circuitBreaker() is as new after reset(), whatever came before (property 15)", async () => {
  await fc.assert(fc.asyncProperty(limits, fc.array(ending), async (limits, list) => {
    const { breaker, call } = setUp(limits);
    for (const how of list) await call(how);
    breaker.reset();
    assert.deepEqual([breaker.state, breaker.metrics.failureCount], ["closed", 0]);
    for (let i = 1; i <= limits.failureThreshold; i++) {
      assert.equal(breaker.state, "closed");
      assert.equal(await call("fail"), true);
    }
    assert.equal(breaker.state, "open");
  }));
});

test("circuitBreaker() opens at the first failure of a probe (property 16)", async () => {
  await fc.assert(fc.asyncProperty(limits, fc.nat(3), async (limits, successes) => {
    fc.pre(successes < limits.successThreshold);
    const { clock, breaker, call } = setUp(limits);
    for (let i = 0; i < limits.failureThreshold; i++) await call("fail");
    await clock.advance(RECOVERY_MS);
    for (let i = 0; i < successes; i++) assert.equal(await call("ok"), true);
    assert.equal(await call("fail"), true);
    assert.equal(breaker.state, "open");
    assert.equal(breaker.retryAfterMs, RECOVERY_MS);
  }));
});

test("circuitBreaker() never has more probes under way than halfOpenMaxCalls (defect 4)", async () => {
  const rush = fc.integer({ min: 1, max: 20 });
  await fc.assert(fc.asyncProperty(limits, rush, async (limits, rush) => {
    const { clock, breaker, call, start, end } = setUp(limits);
    for (let i = 0; i < limits.failureThreshold; i++) await call("fail");
    await clock.advance(RECOVERY_MS);
    const started: Call[] = [];
    for (let i = 0; i < rush; i++) {
      const one = await start();
      if (one !== undefined) started.push(one);
    }
    assert.equal(started.length, Math.min(rush, limits.halfOpenMaxCalls));
    // A cancelled probe gives its place back.
    await end(started[0]!, "cancel");
    assert.equal(breaker.state, "half_open");
    assert.ok(await start());
  }));
});

test("circuitBreaker() failureRate opens by the share among the latest calls, as a plain list tells", async () => {
  const shape = fc.record({
    threshold: fc.double({ min: 0.05, max: 1, noNaN: true }),
    minimumCalls: fc.integer({ min: 1, max: 8 }),
    more: fc.nat(8),
  });
  const rows = fc.array(fc.constantFrom<Ending>("ok", "fail"), { maxLength: 40 });
  await fc.assert(fc.asyncProperty(shape, rows, async ({ threshold, minimumCalls, more }, list) => {
    const windowSize = minimumCalls + more;
    const { breaker, call } = setUp({ failureRate: { threshold, minimumCalls, windowSize } });
    const seen: Ending[] = [];
    for (const how of list) {
      assert.equal(await call(how), true);
      seen.push(how);
      const window = seen.slice(-windowSize);
      const failed = window.filter((one) => one === "fail").length;
      const opens = window.length >= minimumCalls && failed / window.length >= threshold;
      assert.equal(breaker.state, opens ? "open" : "closed");
      if (opens) return;
    }
  }));
});

const outcomes = fc.array(fc.tuple(fc.nat(120), fc.boolean()), { maxLength: 60 });

test("CallWindow holds what a plain list of the latest outcomes holds", async () => {
  const maxAge = fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined });
  await fc.assert(
    fc.asyncProperty(outcomes, fc.integer({ min: 1, max: 10 }), maxAge, async (list, size, age) => {
      const clock = new TestClock();
      const window = new CallWindow(size, clock, age);
      let model: { readonly at: number; readonly failed: boolean }[] = [];
      for (const [gap, failed] of list) {
        await clock.advance(gap);
        const now = clock.now();
        window.record(failed);
        model = [...model, { at: now, failed }]
          .filter(({ at }) => age === undefined || at > now - age).slice(-size);
        assertWindow(window, model);
      }
    }),
  );
});

test("TimeWindow holds what came in the latest ten slices of time", async () => {
  await fc.assert(
    fc.asyncProperty(outcomes, fc.integer({ min: 10, max: 500 }), async (list, windowMs) => {
      const clock = new TestClock(12_345);
      const window = new TimeWindow(clock, windowMs);
      let model: { readonly slice: number; readonly failed: boolean }[] = [];
      for (const [gap, failed] of list) {
        await clock.advance(gap);
        const slice = Math.floor(clock.now() / (windowMs / 10));
        window.record(failed);
        model = [...model, { slice, failed }].filter((one) => one.slice > slice - 10);
        assertWindow(window, model);
      }
    }),
  );
});

function assertWindow(
  window: CallWindow | TimeWindow,
  model: readonly { readonly failed: boolean }[],
): void {
  assert.equal(window.calls, model.length);
  assert.equal(window.failures, model.filter(({ failed }) => failed).length);
}
