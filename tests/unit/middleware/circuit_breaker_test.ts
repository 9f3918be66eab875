import assert from "node:assert/strict";
import { test } from "node:test";
import { type Agent, agent } from "../../../src/core/agent.ts";
import { collect } from "../../../src/core/collect.ts";
import {
  AgenkitError,
  CircuitOpenError,
  RateLimitError,
  RemoteError,
  TimeoutError,
} from "../../../src/core/errors.ts";
import { type Message, text } from "../../../src/core/message.ts";
import { wrap } from "../../../src/core/wrap.ts";
import {
  BulkheadFullError,
  circuitBreaker,
  type CircuitBreakerOptions,
  type CircuitStateChange,
  isAgentFailure,
  retry,
  timeout,
} from "../../../src/middleware/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { ask, errorOf, tick } from "./support.ts";

const down = new Error("down");

/** An agent that answers when told to. */
function controlled() {
  const calls: PromiseWithResolvers<Message>[] = [];
  const inner: Agent = {
    name: "controlled",
    process: () => {
      const call = Promise.withResolvers<Message>();
      calls.push(call);
      return call.promise;
    },
  };
  return { inner, calls };
}

/** A breaker that one failure has opened, and that is about to be probed. */
async function recovering(options: CircuitBreakerOptions = {}) {
  const clock = new TestClock();
  const { inner, calls } = controlled();
  const breaker = circuitBreaker({ clock, failureThreshold: 1, ...options });
  const wrapped = wrap(inner, breaker);
  const failing = errorOf(wrapped.process(ask));
  calls[0]!.reject(down);
  await failing;
  await clock.advance(60_000);
  return { clock, calls, breaker, wrapped };
}

/** A breaker around an agent whose health is a switch. */
function switched(options: CircuitBreakerOptions = {}) {
  const clock = new TestClock();
  const health = { error: undefined as unknown, calls: 0 };
  const breaker = circuitBreaker({ clock, ...options });
  const wrapped = wrap(
    agent("switched", () => {
      health.calls++;
      if (health.error !== undefined) throw health.error;
      return "ok";
    }),
    breaker,
  );
  const fail = async (times = 1, error: unknown = down) => {
    health.error = error;
    for (let i = 0; i < times; i++) await errorOf(wrapped.process(ask));
    health.error = undefined;
  };
  return { clock, health, breaker, wrapped, fail };
}

test("circuitBreaker() opens after 5 failures in a row, and refuses calls", async () => {
  const { breaker, wrapped, fail, health, clock } = switched();
  await fail(4);
  await wrapped.process(ask);
  await fail(4);
  assert.equal(breaker.state, "closed");
  await fail();
  assert.equal(breaker.state, "open");
  const calls = health.calls;
  await clock.advance(10_000);
  const error = await errorOf(wrapped.process(ask));
  assert.ok(error instanceof CircuitOpenError);
  assert.equal(error.code, "unavailable");
  assert.equal(error.retryable, false);
  assert.equal(error.retryAfterMs, 50_000);
  assert.match(error.message, /'switched' as its circuit is open after 5 failures/);
  assert.equal(health.calls, calls);
});

test("circuitBreaker() probes after 60,000 ms and closes after 2 successes", async () => {
  const { breaker, wrapped, fail, clock } = switched();
  await fail(5);
  await clock.advance(59_999);
  await assert.rejects(wrapped.process(ask), CircuitOpenError);
  await clock.advance(1);
  assert.equal(breaker.retryAfterMs, 0);
  await wrapped.process(ask);
  assert.equal(breaker.state, "half_open");
  await wrapped.process(ask);
  assert.equal(breaker.state, "closed");
  assert.equal(breaker.metrics.failureCount, 0);
  assert.equal(breaker.retryAfterMs, undefined);
});

test("circuitBreaker() a failed probe opens it again, for the whole time", async () => {
  const { breaker, wrapped, fail, clock } = switched();
  await fail(5);
  await clock.advance(60_000);
  await wrapped.process(ask);
  await fail();
  assert.equal(breaker.state, "open");
  assert.equal(breaker.retryAfterMs, 60_000);
});

test("circuitBreaker() runs no timer while it is open", async () => {
  const { clock, fail } = switched();
  await fail(5);
  assert.equal(clock.pending, 0);
});

test("circuitBreaker() half-open admits halfOpenMaxCalls at once (defect 4)", async () => {
  const { calls, breaker, wrapped } = await recovering({ halfOpenMaxCalls: 2 });
  const probes = [wrapped.process(ask), wrapped.process(ask)];
  const refused = await errorOf(wrapped.process(ask));
  assert.ok(refused instanceof CircuitOpenError);
  assert.equal(refused.retryAfterMs, undefined);
  assert.deepEqual(refused.details, { state: "half_open", failures: 1 });
  assert.equal(calls.length, 3);
  for (const call of calls) call.resolve(ask);
  await Promise.all(probes);
  assert.equal(breaker.state, "closed");
});

test("circuitBreaker() ignores what calls of an earlier generation come to (defect 4)", async () => {
  const clock = new TestClock();
  const { inner, calls } = controlled();
  const breaker = circuitBreaker({ clock, failureThreshold: 1, successThreshold: 1 });
  const wrapped = wrap(inner, breaker);
  const stragglers = [1, 2, 3].map(() => wrapped.process(ask));
  const failing = errorOf(wrapped.process(ask));
  calls[3]!.reject(down);
  await failing;
  assert.equal(breaker.state, "open");
  // A straggler that fails while open does not extend the outage.
  await clock.advance(30_000);
  calls[0]!.reject(down);
  await errorOf(stragglers[0]!);
  assert.equal(breaker.retryAfterMs, 30_000);
  await clock.advance(30_000);
  const probe = wrapped.process(ask);
  assert.equal(breaker.state, "half_open");
  // Stragglers are no probes, whether they succeed or fail.
  calls[1]!.resolve(ask);
  await stragglers[1];
  calls[2]!.reject(down);
  await errorOf(stragglers[2]!);
  assert.equal(breaker.state, "half_open");
  calls[4]!.resolve(ask);
  await probe;
  assert.equal(breaker.state, "closed");
  assert.deepEqual(
    [breaker.metrics.successfulRequests, breaker.metrics.failedRequests],
    [2, 3],
  );
});

test("circuitBreaker() a cancelled call counts neither way (defect 5)", async () => {
  const { inner, calls } = controlled();
  const breaker = circuitBreaker({ clock: new TestClock(), failureThreshold: 1 });
  const wrapped = wrap(inner, breaker);
  const controller = new AbortController();
  const call = errorOf(wrapped.process(ask, { signal: controller.signal }));
  await tick();
  controller.abort("left");
  calls[0]!.reject(new Error("whatever"));
  await call;
  assert.equal(breaker.state, "closed");
  assert.equal(breaker.metrics.failureCount, 0);
  assert.equal(breaker.metrics.cancelledRequests, 1);
  assert.equal(breaker.metrics.failedRequests, 0);
});

test("circuitBreaker() a cancelled probe gives its place back", async () => {
  const { calls, breaker, wrapped } = await recovering({ successThreshold: 1 });
  const controller = new AbortController();
  const left = wrapped.process(ask, { signal: controller.signal });
  await assert.rejects(wrapped.process(ask), CircuitOpenError);
  controller.abort("left");
  // The agent ignores its signal; the place is free all the same.
  const probe = wrapped.process(ask);
  calls[2]!.resolve(ask);
  await probe;
  assert.equal(breaker.state, "closed");
  // What the agent says in spite of it is passed on, and counts no more.
  calls[1]!.resolve(ask);
  assert.equal(await left, ask);
  assert.equal(breaker.metrics.cancelledRequests, 1);
  assert.equal(breaker.metrics.successfulRequests, 1);
});

test("circuitBreaker() counts a call that a timeout around it ended, though the agent ignores its signal (defect 15)", async () => {
  const clock = new TestClock();
  const { inner } = controlled();
  const breaker = circuitBreaker({ clock, failureThreshold: 2 });
  const wrapped = wrap(inner, timeout({ clock, totalMs: 10 }), breaker);
  for (let i = 0; i < 2; i++) {
    const call = errorOf(wrapped.process(ask));
    await clock.advance(10);
    assert.ok(await call instanceof TimeoutError);
  }
  assert.equal(breaker.state, "open");
  assert.equal(breaker.metrics.failedRequests, 2);
  assert.equal(breaker.metrics.inFlightRequests, 0);
});

test("circuitBreaker() counts a call that a timeout inside it ended", async () => {
  const clock = new TestClock();
  const { inner } = controlled();
  const breaker = circuitBreaker({ clock, failureThreshold: 1 });
  const call = errorOf(wrap(inner, breaker, timeout({ clock, totalMs: 10 })).process(ask));
  await clock.advance(10);
  await call;
  assert.equal(breaker.state, "open");
});

test("circuitBreaker() probes that never come back do not keep it half-open for ever", async () => {
  const { clock, calls, breaker, wrapped } = await recovering({ successThreshold: 1 });
  void wrapped.process(ask);
  await clock.advance(59_999);
  await assert.rejects(wrapped.process(ask), CircuitOpenError);
  await clock.advance(1);
  const probe = wrapped.process(ask);
  calls[2]!.resolve(ask);
  await probe;
  assert.equal(breaker.state, "closed");
});

test("circuitBreaker() is not tripped by the caller's mistakes, nor by refusals on this side", async () => {
  const { breaker, fail } = switched({ failureThreshold: 1 });
  for (
    const error of [
      new AgenkitError("invalid_argument", "bad"),
      new AgenkitError("unauthenticated", "who"),
      new RateLimitError("limit"),
      new CircuitOpenError("another"),
      new BulkheadFullError("full"),
    ]
  ) {
    assert.equal(isAgentFailure(error), false);
    await fail(1, error);
  }
  assert.equal(breaker.state, "closed");
  assert.equal(breaker.metrics.failedRequests, 5);
  for (
    const error of [
      down,
      "text",
      new TimeoutError("slow"),
      new RemoteError("resource_exhausted", "429"),
    ]
  ) assert.equal(isAgentFailure(error), true);
});

test("circuitBreaker() isFailure decides what counts; one that throws counts and passes on", async () => {
  const { breaker, fail, wrapped, health } = switched({
    failureThreshold: 2,
    isFailure: (error) => {
      if (error instanceof SyntaxError) throw error;
      return error instanceof RangeError;
    },
  });
  await fail(5);
  assert.equal(breaker.metrics.failureCount, 0);
  await fail(1, new RangeError());
  assert.equal(breaker.metrics.failureCount, 1);
  const syntax = new SyntaxError();
  health.error = syntax;
  assert.equal(await errorOf(wrapped.process(ask)), syntax);
  assert.equal(breaker.state, "open");
  assert.equal(breaker.metrics.inFlightRequests, 0);
});

test("circuitBreaker() an error that does not count neither closes nor opens a half-open circuit", async () => {
  const { breaker, clock, fail, wrapped } = switched({ successThreshold: 1 });
  await fail(5);
  await clock.advance(60_000);
  await fail(3, new AgenkitError("invalid_argument", "bad"));
  assert.equal(breaker.state, "half_open");
  await wrapped.process(ask);
  assert.equal(breaker.state, "closed");
});

test("circuitBreaker() tells of changes of state; an observer cannot break the call", async () => {
  const changes: CircuitStateChange[] = [];
  const { breaker, clock, fail, wrapped } = switched({
    onStateChange: (change) => {
      changes.push(change);
      throw new Error("observer");
    },
  });
  await fail(5);
  await clock.advance(60_000);
  await wrapped.process(ask);
  await wrapped.process(ask);
  assert.deepEqual(changes, [
    { from: "closed", to: "open", failures: 5 },
    { from: "open", to: "half_open", failures: 5 },
    { from: "half_open", to: "closed", failures: 5 },
  ]);
  assert.deepEqual(breaker.metrics.stateChanges, {
    "closed->open": 1,
    "open->half_open": 1,
    "half_open->closed": 1,
  });
  assert.equal(breaker.metrics.lastStateChange, 60_000);
});

test("circuitBreaker() an observer may reset it", async () => {
  const { breaker, clock, fail, wrapped } = switched({
    onStateChange: ({ to }) => {
      if (to === "half_open") breaker.reset();
    },
  });
  await fail(5);
  await clock.advance(60_000);
  assert.equal(text(await wrapped.process(ask)), "ok");
  assert.equal(breaker.state, "closed");
});

test("circuitBreaker() metrics: total = successful + failed + rejected + cancelled + in flight", async () => {
  const { inner, calls } = controlled();
  const breaker = circuitBreaker({ clock: new TestClock(), failureThreshold: 1 });
  const wrapped = wrap(inner, breaker);
  const ok = wrapped.process(ask);
  const bad = errorOf(wrapped.process(ask));
  void wrapped.process(ask);
  calls[0]!.resolve(ask);
  calls[1]!.reject(down);
  await Promise.all([ok, bad]);
  await errorOf(wrapped.process(ask));
  await errorOf(wrapped.process(ask, { signal: AbortSignal.abort() }));
  const { stateChanges: _, lastStateChange: __, ...counts } = breaker.metrics;
  assert.deepEqual(counts, {
    totalRequests: 5,
    successfulRequests: 1,
    failedRequests: 1,
    rejectedRequests: 1,
    cancelledRequests: 1,
    inFlightRequests: 1,
    failureCount: 1,
    currentState: "open",
  });
  assert.ok(Object.isFrozen(breaker.metrics));
});

test("circuitBreaker() forceOpen() stays open until reset()", async () => {
  const { breaker, clock, wrapped } = switched();
  breaker.forceOpen();
  await clock.advance(1e9);
  const error = await errorOf(wrapped.process(ask));
  assert.ok(error instanceof CircuitOpenError);
  assert.equal(error.retryAfterMs, undefined);
  assert.equal(breaker.retryAfterMs, undefined);
  breaker.reset();
  assert.equal(text(await wrapped.process(ask)), "ok");
});

test("circuitBreaker() reset() closes it and forgets the failures", async () => {
  const { breaker, fail } = switched();
  await fail(4);
  breaker.reset();
  assert.equal(breaker.metrics.failureCount, 0);
  await fail(4);
  assert.equal(breaker.state, "closed");
  await fail();
  breaker.reset();
  assert.equal(breaker.state, "closed");
  assert.equal(breaker.metrics.failedRequests, 9);
});

test("circuitBreaker() goes on from toJSON() elsewhere, with the time that has passed", async () => {
  const { breaker, clock, fail } = switched();
  await fail(3);
  const early = switched({ initialState: JSON.parse(JSON.stringify(breaker)) });
  await early.fail(2);
  assert.equal(early.breaker.state, "open");

  await fail(2);
  await clock.advance(20_000);
  const saved = breaker.toJSON();
  assert.equal(saved.retryAfterMs, 40_000);
  const copy = { ...saved, savedAt: saved.savedAt - 30_000 };
  const later = switched({ initialState: JSON.parse(JSON.stringify(copy)) });
  assert.equal(later.breaker.state, "open");
  assert.equal(later.breaker.metrics.failureCount, 5);
  const { retryAfterMs } = later.breaker;
  assert.ok(retryAfterMs! <= 10_000 && retryAfterMs! > 5000, `${retryAfterMs}`);
  await later.clock.advance(10_000);
  await later.wrapped.process(ask);
  assert.equal(later.breaker.state, "half_open");
  // Probes that are under way elsewhere are not waited for.
  const half = switched({ initialState: later.breaker.toJSON(), successThreshold: 1 });
  await half.wrapped.process(ask);
  assert.equal(half.breaker.state, "closed");
});

test("circuitBreaker() a forced state survives toJSON()", async () => {
  const { breaker } = switched();
  breaker.forceOpen();
  const copy = switched({ initialState: JSON.parse(JSON.stringify(breaker)) });
  await copy.clock.advance(1e9);
  await assert.rejects(copy.wrapped.process(ask), CircuitOpenError);
});

test("circuitBreaker() failureRate opens by the share of the latest calls", async () => {
  const { breaker, fail, wrapped } = switched({
    failureRate: { threshold: 0.5, minimumCalls: 4, windowSize: 6 },
  });
  await fail(3);
  assert.equal(breaker.state, "closed");
  breaker.reset();
  for (let i = 0; i < 6; i++) await wrapped.process(ask);
  await fail(2);
  assert.equal(breaker.metrics.failureCount, 2);
  assert.equal(breaker.state, "closed");
  await fail(1);
  assert.equal(breaker.state, "open");
});

test("circuitBreaker() failureRate: a success can complete the minimum of calls", async () => {
  const { breaker, fail, wrapped } = switched({ failureRate: { minimumCalls: 3 } });
  await fail(2);
  await wrapped.process(ask);
  assert.equal(breaker.state, "open");
});

test("circuitBreaker() failureRate forgets calls older than windowMs", async () => {
  for (const windowSize of [undefined, 10]) {
    const { breaker, clock, fail } = switched({
      failureRate: { threshold: 1, minimumCalls: 3, windowMs: 1000, windowSize },
    });
    await fail(2);
    await clock.advance(1100);
    assert.equal(breaker.metrics.failureCount, 0);
    await fail(2);
    assert.equal(breaker.state, "closed", `windowSize ${windowSize}`);
    await clock.advance(500);
    await fail(1);
    assert.equal(breaker.state, "open");
  }
});

test("circuitBreaker() a stream counts when it ends (defect 10)", async () => {
  const clock = new TestClock();
  const breaker = circuitBreaker({ clock, failureThreshold: 1 });
  let broken = false;
  const wrapped = wrap(
    agent("streaming", async function* () {
      yield "one";
      if (broken) throw down;
      yield "two";
    }),
    breaker,
  );
  await collect(wrapped.stream(ask));
  assert.equal(breaker.metrics.successfulRequests, 1);
  broken = true;
  const iterator = wrapped.stream(ask)[Symbol.asyncIterator]();
  await iterator.next();
  assert.equal(breaker.state, "closed");
  await errorOf(iterator.next());
  assert.equal(breaker.state, "open");
  await assert.rejects(collect(wrapped.stream(ask)), CircuitOpenError);
});

test("circuitBreaker() a stream that its consumer leaves counts neither way", async () => {
  const { clock } = switched();
  const breaker = circuitBreaker({ clock, failureThreshold: 1, successThreshold: 1 });
  const wrapped = wrap(
    agent("streaming", async function* () {
      yield "one";
      throw down;
    }),
    breaker,
  );
  for await (const _ of wrapped.stream(ask)) break;
  assert.equal(breaker.state, "closed");
  assert.equal(breaker.metrics.cancelledRequests, 1);
  assert.equal(breaker.metrics.inFlightRequests, 0);
});

test("circuitBreaker() is not hammered by a retry around it (defect 6)", async () => {
  const { breaker, clock, fail, wrapped } = switched({ failureThreshold: 1 });
  await fail();
  const call = errorOf(wrap(wrapped, retry({ clock })).process(ask));
  await clock.runAll();
  assert.ok(await call instanceof CircuitOpenError);
  assert.equal(breaker.metrics.rejectedRequests, 1);
});

test("circuitBreaker() shares its state among the agents it wraps", async () => {
  const { breaker, fail } = switched();
  await fail(5);
  const other = wrap(agent("other", () => "ok"), breaker);
  await assert.rejects(other.process(ask), CircuitOpenError);
});
