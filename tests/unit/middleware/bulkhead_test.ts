import assert from "node:assert/strict";
import { test } from "node:test";
import { type Agent, agent } from "../../../src/core/agent.ts";
import { TimeoutError } from "../../../src/core/errors.ts";
import { type Message, message } from "../../../src/core/message.ts";
import { wrap } from "../../../src/core/wrap.ts";
import {
  type AdaptiveLimit,
  aimdLimit,
  bulkhead,
  BulkheadFullError,
  gradientLimit,
  isRetryable,
} from "../../../src/middleware/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { ask, errorOf, tick } from "./support.ts";

/** An agent that answers when told to, and remembers the order of calls. */
function controlled() {
  const calls: PromiseWithResolvers<Message>[] = [];
  const order: unknown[] = [];
  const inner: Agent = {
    name: "controlled",
    process: (request) => {
      const call = Promise.withResolvers<Message>();
      calls.push(call);
      order.push(request.content);
      return call.promise;
    },
  };
  return { inner, calls, order };
}

test("bulkhead() runs maxConcurrent calls at once and the rest in order of arrival", async () => {
  const { inner, calls, order } = controlled();
  const value = bulkhead({ maxConcurrent: 2, clock: new TestClock() });
  const wrapped = wrap(inner, value);
  const answers = [0, 1, 2, 3, 4].map((i) => wrapped.process(message("user", i)));
  await tick();
  assert.deepEqual(order, [0, 1]);
  assert.deepEqual(
    [value.metrics.runningRequests, value.metrics.queuedRequests, value.metrics.inFlightRequests],
    [2, 3, 5],
  );
  for (let i = 0; i < 5; i++) {
    calls[i]!.resolve(ask);
    await tick();
    assert.ok(calls.length <= i + 3);
  }
  await Promise.all(answers);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  assert.equal(value.metrics.successfulRequests, 5);
});

test("bulkhead() refuses calls when its queue is full (defect 17)", async () => {
  const { inner, calls } = controlled();
  const value = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
  const wrapped = wrap(inner, value);
  const answers = [wrapped.process(ask), wrapped.process(ask)];
  const error = await errorOf(wrapped.process(ask));
  assert.ok(error instanceof BulkheadFullError);
  assert.equal(error.code, "resource_exhausted");
  assert.equal(error.name, "BulkheadFullError");
  assert.equal(isRetryable(error), true);
  assert.match(
    error.message,
    /'controlled': no place is free \(limit 1\) and the queue is full \(limit 1\)/,
  );
  assert.equal(value.metrics.rejectedRequests, 1);
  calls[0]!.resolve(ask);
  await tick();
  calls[1]!.resolve(ask);
  await Promise.all(answers);
});

test("BulkheadFullError is told from its subclasses and from other errors", () => {
  class Special extends BulkheadFullError {}
  assert.ok(new Special("x") instanceof BulkheadFullError);
  assert.ok(!(new BulkheadFullError("x") instanceof Special));
  assert.ok(!(new Error("x") instanceof BulkheadFullError));
});

test("bulkhead() an aborted call leaves the queue, and those behind it move up", async () => {
  const { inner, calls, order } = controlled();
  const value = bulkhead({ maxConcurrent: 1 });
  const wrapped = wrap(inner, value);
  const controller = new AbortController();
  const first = wrapped.process(message("user", 0));
  const second = errorOf(wrapped.process(message("user", 1), { signal: controller.signal }));
  const third = wrapped.process(message("user", 2));
  controller.abort("left");
  assert.equal(await second, "left");
  assert.equal(value.metrics.queuedRequests, 1);
  assert.equal(value.metrics.cancelledRequests, 1);
  calls[0]!.resolve(ask);
  await tick();
  calls[1]!.resolve(ask);
  await Promise.all([first, third]);
  assert.deepEqual(order, [0, 2]);
});

test("bulkhead() a call aborted just as it got its place gives it on", async () => {
  const { inner, calls, order } = controlled();
  const value = bulkhead({ maxConcurrent: 1 });
  const wrapped = wrap(inner, value);
  const controller = new AbortController();
  const first = wrapped.process(message("user", 0));
  const second = errorOf(wrapped.process(message("user", 1), { signal: controller.signal }));
  const third = wrapped.process(message("user", 2));
  // The first job gives the place to the second call; the abort comes before that has gone on.
  calls[0]!.resolve(ask);
  queueMicrotask(() => controller.abort("left"));
  assert.equal(await second, "left");
  await tick();
  calls[1]!.resolve(ask);
  await Promise.all([first, third]);
  assert.deepEqual(order, [0, 2]);
  assert.equal(value.metrics.inFlightRequests, 0);
});

test("bulkhead() a stream aborted just as it got its place is not begun", async () => {
  const { calls, inner } = controlled();
  const controller = new AbortController();
  const value = bulkhead({ maxConcurrent: 1 });
  const wrapped = wrap({ ...inner, stream: () => assert.fail("called") }, value);
  const first = wrapped.process(ask);
  const { signal } = controller;
  const second = errorOf(wrapped.stream!(ask, { signal })[Symbol.asyncIterator]().next());
  await tick();
  calls[0]!.resolve(ask);
  queueMicrotask(() => controller.abort("left"));
  assert.equal(await second, "left");
  await first;
  assert.equal(value.metrics.inFlightRequests, 0);
  assert.equal(value.metrics.cancelledRequests, 1);
});

test("bulkhead() nobody overtakes those who wait when an adaptive limit grows", async () => {
  const adaptive = { limit: 1, record: () => {} };
  const { inner, calls, order } = controlled();
  const wrapped = wrap(inner, bulkhead({ adaptive }));
  const answers = [0, 1].map((i) => wrapped.process(message("user", i)));
  adaptive.limit = 2;
  answers.push(wrapped.process(message("user", 2)));
  await tick();
  calls[0]!.resolve(ask);
  await tick();
  assert.deepEqual(order, [0, 1, 2]);
  calls.forEach((call) => call.resolve(ask));
  await Promise.all(answers);
});

test("bulkhead() an adaptive limit learns nothing from a call that was cancelled", async () => {
  const samples: unknown[] = [];
  const adaptive = { limit: 5, record: (sample: unknown) => samples.push(sample) };
  const { inner, calls } = controlled();
  const controller = new AbortController();
  const wrapped = wrap(inner, bulkhead({ adaptive: adaptive as AdaptiveLimit }));
  const call = errorOf(wrapped.process(ask, { signal: controller.signal }));
  controller.abort("left");
  calls[0]!.reject(new TimeoutError("late"));
  await call;
  assert.deepEqual(samples, []);
});

test("bulkhead() maxWaitMs bounds the wait", async () => {
  const clock = new TestClock();
  const { inner, calls } = controlled();
  const value = bulkhead({ maxConcurrent: 1, maxWaitMs: 100, clock });
  const wrapped = wrap(inner, value);
  const first = wrapped.process(ask);
  const second = errorOf(wrapped.process(ask));
  await clock.advance(100);
  assert.ok(await second instanceof BulkheadFullError);
  assert.equal(value.metrics.rejectedRequests, 1);
  calls[0]!.resolve(ask);
  await first;
  assert.equal(clock.pending, 0);
});

test("bulkhead() waits no longer than the call's deadline", async () => {
  const clock = new TestClock();
  const { inner, calls } = controlled();
  const wrapped = wrap(inner, bulkhead({ maxConcurrent: 1, maxWaitMs: 100, clock }));
  const first = wrapped.process(ask);
  const second = errorOf(wrapped.process(ask, { deadline: 50 }));
  await clock.advance(50);
  assert.ok(await second instanceof TimeoutError);
  calls[0]!.resolve(ask);
  await first;
});

test("bulkhead() maxQueue 0 lets nobody wait", async () => {
  const { inner, calls } = controlled();
  const wrapped = wrap(inner, bulkhead({ maxConcurrent: 1, maxQueue: 0 }));
  const first = wrapped.process(ask);
  await assert.rejects(wrapped.process(ask), BulkheadFullError);
  calls[0]!.reject(new Error("down"));
  await errorOf(first);
  const next = wrapped.process(ask);
  calls[1]!.resolve(ask);
  await next;
});

test("bulkhead() a stream holds its place to the end", async () => {
  let running = 0;
  const inner = agent("streaming", async function* () {
    running++;
    try {
      yield "one";
      yield "two";
    } finally {
      running--;
    }
  });
  const value = bulkhead({ maxConcurrent: 1, maxQueue: 0 });
  const wrapped = wrap(inner, value);
  for await (const _ of wrapped.stream(ask)) {
    assert.equal(value.metrics.runningRequests, 1);
    await assert.rejects(wrapped.process(ask), BulkheadFullError);
  }
  for await (const _ of wrapped.stream(ask)) break;
  assert.equal(running, 0);
  assert.equal(value.metrics.runningRequests, 0);
  assert.equal(value.metrics.cancelledRequests, 1);
});

test("bulkhead() holds the place of an agent that ignores its signal until it has ended", async () => {
  const { inner, calls } = controlled();
  const value = bulkhead({ maxConcurrent: 1 });
  const controller = new AbortController();
  const call = wrap(inner, value).process(ask, { signal: controller.signal });
  controller.abort("left");
  await tick();
  assert.equal(value.metrics.runningRequests, 1);
  calls[0]!.resolve(ask);
  await call;
  assert.equal(value.metrics.runningRequests, 0);
});

test("bulkhead() follows an adaptive limit up and down, and learns only from answers and overload", async () => {
  const clock = new TestClock();
  const samples: unknown[] = [];
  const adaptive = { limit: 1, record: (sample: unknown) => samples.push(sample) };
  const { inner, calls } = controlled();
  const value = bulkhead({ adaptive: adaptive as AdaptiveLimit, clock });
  const wrapped = wrap(inner, value);
  const answers = [1, 2, 3, 4].map(() => wrapped.process(ask));
  await tick();
  assert.equal(calls.length, 1);
  adaptive.limit = 3;
  await clock.advance(20);
  calls[0]!.resolve(ask);
  await tick();
  assert.equal(calls.length, 4);
  assert.equal(value.metrics.currentLimit, 3);
  calls[1]!.reject(new TimeoutError("slow"));
  calls[2]!.reject(new Error("quick"));
  await errorOf(answers[1]!);
  await errorOf(answers[2]!);
  calls[3]!.resolve(ask);
  await answers[3];
  assert.deepEqual(samples, [
    { latencyMs: 20, inFlight: 1, dropped: false },
    { latencyMs: 0, inFlight: 3, dropped: true },
    { latencyMs: 0, inFlight: 1, dropped: false },
  ]);
});

test("aimdLimit() grows by one while it is used, and falls by a share", () => {
  const limit = aimdLimit({ initial: 10, max: 12, min: 5, backoffRatio: 0.5, latencyMs: 100 });
  const ok = (inFlight: number) => limit.record({ latencyMs: 1, inFlight, dropped: false });
  ok(4);
  assert.equal(limit.limit, 10);
  for (let i = 0; i < 5; i++) ok(10);
  assert.equal(limit.limit, 12);
  limit.record({ latencyMs: 101, inFlight: 1, dropped: false });
  assert.equal(limit.limit, 6);
  limit.record({ latencyMs: 1, inFlight: 1, dropped: true });
  assert.equal(limit.limit, 5);
});

test("gradientLimit() falls when calls take longer, and comes back", () => {
  const limit = gradientLimit({ initial: 20, max: 100 });
  const run = (latencyMs: number, times: number) => {
    for (let i = 0; i < times; i++) {
      limit.record({ latencyMs, inFlight: limit.limit, dropped: false });
    }
  };
  run(10, 50);
  const high = limit.limit;
  assert.ok(high > 20);
  run(100, 20);
  const low = limit.limit;
  assert.ok(low < high / 2, `${low} of ${high}`);
  run(10, 50);
  assert.ok(limit.limit > low);
  for (let i = 0; i < 200; i++) limit.record({ latencyMs: 0, inFlight: 1, dropped: true });
  assert.equal(limit.limit, 1);
});

test("gradientLimit() goes by nothing while it is hardly used", () => {
  const limit = gradientLimit({ initial: 20 });
  for (let i = 0; i < 50; i++) limit.record({ latencyMs: 10, inFlight: 20, dropped: false });
  const before = limit.limit;
  for (let i = 0; i < 50; i++) limit.record({ latencyMs: 200, inFlight: 5, dropped: false });
  assert.equal(limit.limit, before);
});

test("gradientLimit() notices a slowdown soon after an overload has passed", () => {
  const limit = gradientLimit({ initial: 20 });
  const run = (latencyMs: number, times: number) => {
    for (let i = 0; i < times; i++) {
      limit.record({ latencyMs, inFlight: limit.limit, dropped: false });
    }
  };
  run(400, 100);
  run(10, 100);
  const before = limit.limit;
  run(100, 30);
  assert.ok(limit.limit < before / 2, `${limit.limit} of ${before}`);
});

test("gradientLimit() takes latencies of 0, which coarse clocks give", () => {
  const limit = gradientLimit({ initial: 20 });
  limit.record({ latencyMs: 0, inFlight: 20, dropped: false });
  limit.record({ latencyMs: 0, inFlight: 20, dropped: false });
  assert.ok(limit.limit >= 20 && limit.limit < 30, `${limit.limit}`);
});
