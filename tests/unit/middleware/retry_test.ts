import assert from "node:assert/strict";
import { test } from "node:test";
import { agent } from "../../../src/core/agent.ts";
import { collect } from "../../../src/core/collect.ts";
import { AgenkitError, CircuitOpenError, TimeoutError } from "../../../src/core/errors.ts";
import { text } from "../../../src/core/message.ts";
import { wrap } from "../../../src/core/wrap.ts";
import {
  attemptsOf,
  constantBackoff,
  decorrelatedBackoff,
  isRetryable,
  retry,
  retryBudget,
  type RetryEvent,
} from "../../../src/middleware/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { ask, errorOf, scripted, tick } from "./support.ts";

const down = new Error("down");

test("retry() answers at the first attempt that succeeds", async () => {
  const clock = new TestClock();
  const inner = scripted(down, down, "third");
  const value = retry({ clock });
  const call = wrap(inner, value).process(ask);
  await clock.runAll();
  assert.equal(text(await call), "third");
  assert.equal(inner.calls.length, 3);
  assert.equal(value.metrics.retries, 2);
  assert.equal(value.metrics.successfulRequests, 1);
});

test("retry() defaults: 3 attempts, 1,000 ms doubled up to 30,000 ms, full jitter", async () => {
  const clock = new TestClock();
  const waits: number[] = [];
  const onRetry = ({ delayMs }: RetryEvent) => waits.push(delayMs);
  const call = errorOf(
    wrap(scripted(down), retry({ clock, random: () => 0.5, onRetry })).process(ask),
  );
  await clock.runAll();
  assert.equal(await call, down);
  assert.deepEqual(waits, [500, 1000]);
  waits.length = 0;
  const many = retry({ clock, random: () => 0.999, maxAttempts: 9, onRetry });
  const calls = errorOf(wrap(scripted(down), many).process(ask));
  await clock.runAll();
  await calls;
  assert.deepEqual(waits.map(Math.ceil), [999, 1998, 3996, 7992, 15984, 29970, 29970, 29970]);
});

test("retry() throws the last error as it is, with the attempts beside it (defect 6)", async () => {
  const clock = new TestClock();
  class Busy extends Error {}
  const first = new TypeError("first");
  const last = Object.freeze(new Busy("last"));
  const call = errorOf(wrap(scripted(first, last), retry({ clock, maxAttempts: 2 })).process(ask));
  await clock.runAll();
  const error = await call;
  assert.equal(error, last);
  assert.ok(error instanceof Busy);
  const attempts = attemptsOf(error)!;
  assert.equal(attempts.attempts, 2);
  assert.deepEqual(attempts.errors, [first, last]);
  assert.equal(attempts.stoppedBy, "maxAttempts");
  assert.equal(attempts.waitedMs, clock.now());
  assert.ok(attempts.waitedMs > 0);
  assert.ok(Object.isFrozen(attempts) && Object.isFrozen(attempts.errors));
  assert.equal(attemptsOf(first), undefined);
  assert.equal(attemptsOf("text"), undefined);
});

test("retry() throws what is no object as well", async () => {
  const inner = agent("odd", () => Promise.reject("text"));
  assert.equal(await errorOf(wrap(inner, retry({ maxAttempts: 1 })).process(ask)), "text");
});

test("retry() does not try again what an open circuit, bad arguments or a cancellation caused (defect 6)", async () => {
  for (
    const error of [
      new CircuitOpenError("open"),
      new AgenkitError("invalid_argument", "bad"),
      new AgenkitError("cancelled", "gone"),
      new AgenkitError("internal", "final", { retryable: false }),
      new DOMException("stopped", "AbortError"),
    ]
  ) {
    assert.equal(isRetryable(error), false);
    const inner = agent("refusing", () => Promise.reject(error));
    const value = retry({ clock: new TestClock() });
    const thrown = await errorOf(wrap(inner, value).process(ask));
    assert.equal(thrown, error);
    assert.equal(attemptsOf(thrown)!.stoppedBy, "retryIf");
    assert.equal(value.metrics.retries, 0);
  }
  for (const error of [new TypeError("fetch failed"), new TimeoutError("slow"), "text"]) {
    assert.equal(isRetryable(error), true);
  }
});

test("retry() asks retryIf with the error and the attempt", async () => {
  const clock = new TestClock();
  const asked: unknown[] = [];
  const retryIf = (error: unknown, attempt: number) => asked.push([error, attempt]) < 2;
  const inner = scripted(new CircuitOpenError("open"));
  const call = errorOf(wrap(inner, retry({ clock, retryIf, maxAttempts: 5 })).process(ask));
  await clock.runAll();
  await call;
  assert.equal(inner.calls.length, 2);
  assert.deepEqual(asked.map((pair) => (pair as unknown[])[1]), [1, 2]);
});

test("retry() waits at least as long as retryAfterMs says, up to maxRetryAfterMs", async () => {
  const clock = new TestClock();
  const waits: number[] = [];
  const onRetry = ({ delayMs }: RetryEvent) => waits.push(delayMs);
  for (const retryAfterMs of [10, 5000, 90_000, Number.NaN, -1]) {
    const error = new AgenkitError("unavailable", "busy", { retryAfterMs });
    const value = retry({ clock, jitter: "none", maxAttempts: 2, onRetry });
    const call = errorOf(wrap(scripted(error), value).process(ask));
    await clock.runAll();
    await call;
  }
  assert.deepEqual(waits, [1000, 5000, 60_000, 1000, 1000]);
});

test("retry() starts no wait that the deadline cannot hold", async () => {
  const clock = new TestClock();
  const inner = scripted(down);
  const value = retry({ clock, jitter: "none" });
  const call = wrap(inner, value).process(ask, { deadline: 1000 });
  const error = await errorOf(call);
  assert.equal(error, down);
  assert.equal(attemptsOf(error)!.stoppedBy, "deadline");
  assert.equal(clock.pending, 0);
  const enough = errorOf(wrap(inner, value).process(ask, { deadline: 1001 }));
  await clock.runAll();
  await enough;
  assert.equal(inner.calls.length, 3);
});

test("retry() starts nothing after the deadline", async () => {
  const inner = scripted("answer");
  const value = retry({ clock: new TestClock(500) });
  await assert.rejects(wrap(inner, value).process(ask, { deadline: 500 }), TimeoutError);
  assert.equal(inner.calls.length, 0);
  assert.equal(value.metrics.failedRequests, 1);
});

test("retry() totalMs bounds all attempts, and is their deadline (defect 7)", async () => {
  const clock = new TestClock(100);
  const inner = scripted(down);
  const value = retry({ clock, jitter: "none", totalMs: 2000, maxAttempts: 9 });
  const call = errorOf(wrap(inner, value).process(ask));
  await clock.runAll();
  assert.equal(attemptsOf(await call)!.stoppedBy, "deadline");
  assert.deepEqual(inner.calls.map(({ deadline }) => deadline), [2100, 2100]);
  const earlier = scripted("ok");
  await wrap(earlier, retry({ clock, totalMs: 2000 })).process(ask, { deadline: clock.now() + 7 });
  assert.equal(earlier.calls[0]!.deadline, clock.now() + 7);
});

test("retry() stops when the signal aborts during backoff", async () => {
  const clock = new TestClock();
  const inner = scripted(down);
  const value = retry({ clock });
  const controller = new AbortController();
  const call = errorOf(wrap(inner, value).process(ask, { signal: controller.signal }));
  await tick();
  assert.equal(clock.pending, 1);
  const reason = { why: "left" };
  controller.abort(reason);
  assert.equal(await call, reason);
  assert.equal(clock.pending, 0);
  assert.equal(inner.calls.length, 1);
  assert.equal(value.metrics.cancelledRequests, 1);
  assert.equal(value.metrics.failedRequests, 0);
});

test("retry() never tries again after an abort, whatever retryIf says (defect 5)", async () => {
  const controller = new AbortController();
  const reason = new Error("left");
  const inner = agent("leaving", () => {
    controller.abort(reason);
    throw down;
  });
  const value = retry({ retryIf: () => true });
  assert.equal(
    await errorOf(wrap(inner, value).process(ask, { signal: controller.signal })),
    reason,
  );
  assert.equal(value.metrics.cancelledRequests, 1);
});

test("retry() rejects with the signal's reason if the last attempt failed after an abort", async () => {
  const controller = new AbortController();
  const inner = agent("leaving", () => {
    controller.abort("left");
    throw down;
  });
  const wrapped = wrap(inner, retry({ maxAttempts: 1 }));
  assert.equal(await errorOf(wrapped.process(ask, { signal: controller.signal })), "left");
});

test("retry() starts nothing after a wait that took longer than it should", async () => {
  let now = 0;
  const asleep = {
    now: () => now,
    sleep: () => Promise.resolve(void (now += 60_000)),
    schedule: () => assert.fail("sleep is enough"),
  };
  const inner = scripted(down);
  const wrapped = wrap(inner, retry({ clock: asleep, initialBackoffMs: 10 }));
  const error = await errorOf(wrapped.process(ask, { deadline: 1000 }));
  assert.equal(inner.calls.length, 1);
  assert.equal(attemptsOf(error)!.stoppedBy, "deadline");
});

test("retry() counts a call that a timeout further out has ended as failed", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const value = retry({ clock });
  const call = errorOf(wrap(scripted(down), value).process(ask, { signal: controller.signal }));
  await tick();
  controller.abort(new TimeoutError("late"));
  await call;
  assert.equal(value.metrics.failedRequests, 1);
});

test("retry() onRetry is told before each wait, and cannot break the call", async () => {
  const clock = new TestClock();
  const events: RetryEvent[] = [];
  const value = retry({
    clock,
    jitter: "none",
    onRetry: (event) => {
      events.push(event);
      throw new Error("observer");
    },
  });
  const call = wrap(scripted(down, "ok"), value).process(ask);
  await clock.runAll();
  assert.equal(text(await call), "ok");
  assert.deepEqual(events, [{ agent: "scripted", attempt: 1, error: down, delayMs: 1000 }]);
});

test("retry() an observer that is asynchronous and fails breaks nothing", async () => {
  const clock = new TestClock();
  let handled = false;
  const failing = Promise.reject(new Error("observer"));
  failing.catch = (handler) => {
    handled = true;
    return Promise.prototype.catch.call(failing, handler);
  };
  const onRetry = () => failing as unknown as void;
  const call = wrap(scripted(down, "ok"), retry({ clock, onRetry })).process(ask);
  await clock.runAll();
  assert.equal(text(await call), "ok");
  // Or it would end the process, as an unhandled rejection.
  assert.ok(handled);
});

test("retryBudget() ten tenths are one", () => {
  const budget = retryBudget({ ratio: 0.1, burst: 0 });
  for (let i = 0; i < 9; i++) budget.deposit();
  assert.equal(budget.withdraw(), false);
  budget.deposit();
  assert.equal(budget.withdraw(), true);
});

test("retry() budget: no more retries than the ratio of calls, for all callers", async () => {
  const clock = new TestClock();
  const budget = retryBudget({ ratio: 0.1, burst: 2 });
  const value = retry({ clock, budget, initialBackoffMs: 1 });
  const inner = scripted(down);
  const calls = Array.from({ length: 50 }, () => errorOf(wrap(inner, value).process(ask)));
  await clock.runAll();
  const errors = await Promise.all(calls);
  assert.ok(errors.every((error) => error === down));
  const { retries, retriesDenied } = value.metrics;
  assert.ok(retries <= 2 + 50 * 0.1 && retries >= 2, `${retries}`);
  assert.equal(inner.calls.length, 50 + retries);
  assert.ok(retriesDenied > 0);
});

test("retryBudget() is refilled by calls, and can be shared", async () => {
  const budget = retryBudget({ ratio: 0.5, burst: 1 });
  const options = { budget, clock: new TestClock(), backoff: constantBackoff(0), maxAttempts: 2 };
  const first = retry(options);
  const second = retry(options);
  await errorOf(wrap(scripted(down), first).process(ask));
  const error = await errorOf(wrap(scripted(down), second).process(ask));
  assert.equal(attemptsOf(error)!.stoppedBy, "budget");
  assert.deepEqual([first.metrics.retries, second.metrics.retries], [1, 0]);
  for (let i = 0; i < 2; i++) await wrap(scripted("ok"), second).process(ask);
  assert.equal(budget.available, 1);
});

test("retry() maxAttempts 1 tries once", async () => {
  const inner = scripted(down);
  const value = retry({ maxAttempts: 1, clock: new TestClock() });
  assert.equal(await errorOf(wrap(inner, value).process(ask)), down);
  assert.equal(inner.calls.length, 1);
});

test("retry() passes the caller's options to every attempt", async () => {
  const clock = new TestClock();
  const inner = scripted(down, "ok");
  const call = { deadline: 50_000 };
  const answer = wrap(inner, retry({ clock })).process(ask, call);
  await clock.runAll();
  await answer;
  assert.deepEqual(inner.calls.map((options) => options === call), [true, true]);
});

test("retry() tries a stream again until its first chunk was handed on (defect 10)", async () => {
  const clock = new TestClock();
  let calls = 0;
  const inner = agent("flaky", async function* () {
    if (++calls < 3) throw down;
    yield "one";
    yield "two";
  });
  const value = retry({ clock });
  const chunks = collect(wrap(inner, value).stream(ask));
  await clock.runAll();
  assert.deepEqual((await chunks).map(text), ["one", "two"]);
  assert.equal(calls, 3);
  assert.equal(value.metrics.successfulRequests, 1);
});

test("retry() passes the error of a stream that has begun through", async () => {
  let calls = 0;
  const inner = agent("breaking", async function* () {
    calls++;
    yield "one";
    throw down;
  });
  const value = retry({ clock: new TestClock() });
  const chunks: string[] = [];
  const error = await errorOf((async () => {
    for await (const chunk of wrap(inner, value).stream(ask)) chunks.push(text(chunk));
  })());
  assert.equal(error, down);
  assert.deepEqual(chunks, ["one"]);
  assert.equal(calls, 1);
  assert.equal(attemptsOf(error)!.stoppedBy, "stream");
  assert.equal(value.metrics.failedRequests, 1);
});

test("retry() an empty stream is a success", async () => {
  const inner = agent("empty", async function* () {});
  const value = retry();
  assert.deepEqual(await collect(wrap(inner, value).stream(ask)), []);
  assert.equal(value.metrics.successfulRequests, 1);
});

test("retry() a consumer that throws into the stream ends the agent's", async () => {
  let ended = false;
  const inner = agent("endless", async function* () {
    try {
      for (;;) yield "more";
    } finally {
      ended = true;
    }
  });
  const value = retry();
  const iterator = wrap(inner, value).stream(ask)[Symbol.asyncIterator]();
  await iterator.next();
  assert.equal(await errorOf(iterator.throw!(down)), down);
  assert.equal(ended, true);
  assert.equal(value.metrics.inFlightRequests, 0);
});

test("retry() a backoff that returns nonsense is named, with the failure as its cause", async () => {
  for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    const value = retry({ backoff: () => wrong });
    const error = await errorOf(wrap(scripted(down), value).process(ask));
    assert.ok(error instanceof RangeError);
    assert.match(error.message, /'backoff'/);
    assert.equal(error.cause, down);
    assert.equal(value.metrics.inFlightRequests, 0);
  }
});

test("retry() shares its state among the agents it wraps", async () => {
  const value = retry();
  await wrap(scripted("a"), value).process(ask);
  await wrap(scripted("b"), value).process(ask);
  assert.equal(value.metrics.totalRequests, 2);
  assert.ok(Object.isFrozen(value.metrics));
});

test("retry() takes a decorrelated backoff, which goes by the wait before", async () => {
  const clock = new TestClock();
  const waits: number[] = [];
  const value = retry({
    clock,
    random: () => 0.5,
    maxAttempts: 4,
    backoff: decorrelatedBackoff({ initialMs: 100, maxMs: 450 }),
    onRetry: ({ delayMs }) => waits.push(delayMs),
  });
  const call = errorOf(wrap(scripted(down), value).process(ask));
  await clock.runAll();
  await call;
  assert.deepEqual(waits, [200, 350, 450]);
});
