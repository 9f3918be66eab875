import assert from "node:assert/strict";
import { test } from "node:test";
import { type Agent, agent } from "../../../src/core/agent.ts";
import type { CallOptions } from "../../../src/core/call.ts";
import { collect } from "../../../src/core/collect.ts";
import { type Message, message, text } from "../../../src/core/message.ts";
import { wrap } from "../../../src/core/wrap.ts";
import { hedge, type HedgeEvent, retryBudget } from "../../../src/middleware/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { ask, errorOf, tick } from "./support.ts";

/** Answers its calls after the given waits; what is an error fails. */
function paced(clock: TestClock, ...waits: Array<number | Error>) {
  const calls: CallOptions[] = [];
  const inner: Agent = {
    name: "paced",
    process: async (_, call) => {
      const index = calls.push(call!) - 1;
      const wait = waits[Math.min(index, waits.length - 1)]!;
      if (wait instanceof Error) throw wait;
      await clock.sleep(wait, call!.signal);
      return message("agent", `attempt ${index + 1}`);
    },
  };
  return { inner, calls };
}

test("hedge() takes the answer of the second attempt and cancels the first", async () => {
  const clock = new TestClock();
  const { inner, calls } = paced(clock, 1000, 10);
  const events: HedgeEvent[] = [];
  const value = hedge({ clock, delayMs: 100, onHedge: (event) => events.push(event) });
  const call = wrap(inner, value).process(ask);
  await clock.advance(110);
  assert.equal(text(await call), "attempt 2");
  assert.equal(calls[0]!.signal!.aborted, true);
  assert.equal((calls[0]!.signal!.reason as Error).name, "AbortError");
  assert.match((calls[0]!.signal!.reason as Error).message, /Another attempt has answered first/);
  assert.equal(calls[1]!.signal!.aborted, false);
  assert.equal(clock.pending, 0);
  assert.deepEqual(events, [{ agent: "paced", attempt: 2, delayMs: 100 }]);
  const { hedges, hedgeWins, successfulRequests, inFlightRequests } = value.metrics;
  assert.deepEqual([hedges, hedgeWins, successfulRequests, inFlightRequests], [1, 1, 1, 0]);
});

test("hedge() makes no second attempt when the first is quick", async () => {
  const clock = new TestClock();
  const { inner, calls } = paced(clock, 50);
  const value = hedge({ clock, delayMs: 100 });
  const call = wrap(inner, value).process(ask);
  await clock.runAll();
  assert.equal(text(await call), "attempt 1");
  assert.equal(calls.length, 1);
  assert.equal(clock.pending, 0);
  assert.equal(value.metrics.hedges, 0);
});

test("hedge() the first attempt may still win", async () => {
  const clock = new TestClock();
  const { inner, calls } = paced(clock, 120, 1000);
  const value = hedge({ clock, delayMs: 100 });
  const call = wrap(inner, value).process(ask);
  await clock.runAll();
  assert.equal(text(await call), "attempt 1");
  assert.equal(calls[1]!.signal!.aborted, true);
  assert.deepEqual([value.metrics.hedges, value.metrics.hedgeWins], [1, 0]);
});

test("hedge() maxAttempts starts one after the other", async () => {
  const clock = new TestClock();
  const { inner, calls } = paced(clock, 10_000, 10_000, 10);
  const call = wrap(inner, hedge({ clock, delayMs: 100, maxAttempts: 3 })).process(ask);
  await clock.advance(150);
  assert.equal(calls.length, 2);
  await clock.advance(100);
  assert.equal(text(await call), "attempt 3");
});

test("hedge() a failure leaves the others to it; the first one's error is thrown in the end", async () => {
  const clock = new TestClock();
  const first = new Error("first");
  const second = new Error("second");
  const work = [Promise.withResolvers<Message>(), Promise.withResolvers<Message>()];
  let calls = 0;
  const inner: Agent = { name: "failing", process: () => work[calls++]!.promise };
  const value = hedge({ clock, delayMs: 10 });
  const call = errorOf(wrap(inner, value).process(ask));
  await clock.advance(10);
  work[1]!.reject(second);
  await tick();
  work[0]!.reject(first);
  assert.equal(await call, first);
  assert.equal(value.metrics.failedRequests, 1);
});

test("hedge() does not retry: a failure before the delay is thrown at once", async () => {
  const clock = new TestClock();
  const down = new Error("down");
  const { inner, calls } = paced(clock, down);
  assert.equal(await errorOf(wrap(inner, hedge({ clock, delayMs: 10 })).process(ask)), down);
  assert.equal(calls.length, 1);
  assert.equal(clock.pending, 0);
});

test("hedge() the caller's abort cancels every attempt at once", async () => {
  const clock = new TestClock();
  const { inner, calls } = paced(clock, 1000);
  const value = hedge({ clock, delayMs: 10 });
  const controller = new AbortController();
  const call = errorOf(wrap(inner, value).process(ask, { signal: controller.signal }));
  await clock.advance(20);
  assert.equal(calls.length, 2);
  controller.abort("left");
  assert.equal(await call, "left");
  assert.deepEqual(calls.map(({ signal }) => signal!.reason), ["left", "left"]);
  assert.equal(clock.pending, 0);
  assert.equal(value.metrics.cancelledRequests, 1);
});

test("hedge() budget: hedges stay a share of the calls when everything is slow", async () => {
  const clock = new TestClock();
  const { inner, calls } = paced(clock, 1000);
  const budget = retryBudget({ ratio: 0.1, burst: 1 });
  const value = hedge({ clock, delayMs: 10, budget });
  const wrapped = wrap(inner, value);
  const answers = Array.from({ length: 50 }, () => wrapped.process(ask));
  await clock.runAll();
  await Promise.all(answers);
  const { hedges, hedgesDenied } = value.metrics;
  assert.ok(hedges >= 1 && hedges <= 1 + 5, `${hedges}`);
  assert.equal(hedges + hedgesDenied, 50);
  assert.equal(calls.length, 50 + hedges);
});

test("hedge() default budget is a tenth of the calls and ten saved up", async () => {
  const clock = new TestClock();
  const { inner } = paced(clock, 1000);
  const value = hedge({ clock, delayMs: 10 });
  const answers = Array.from({ length: 30 }, () => wrap(inner, value).process(ask));
  await clock.runAll();
  await Promise.all(answers);
  assert.equal(value.metrics.hedges, 10);
});

test("hedge() learns its delay: the 95th percentile of the latest calls", async () => {
  const clock = new TestClock();
  let ms = 0;
  const inner: Agent = {
    name: "varying",
    process: async (_, call) => {
      await clock.sleep(ms, call!.signal);
      return ask;
    },
  };
  const value = hedge({ clock, initialDelayMs: 5000 });
  const wrapped = wrap(inner, value);
  assert.equal(value.metrics.currentDelayMs, 5000);
  for (let i = 1; i <= 100; i++) {
    ms = i;
    const call = wrapped.process(ask);
    await clock.runAll();
    await call;
    if (i < 20) assert.equal(value.metrics.currentDelayMs, 5000);
  }
  const { currentDelayMs } = value.metrics;
  assert.ok(currentDelayMs > 70 && currentDelayMs < 100, `${currentDelayMs}`);
  // It follows when all becomes slower.
  for (let i = 0; i < 1200; i++) {
    ms = 400;
    const call = wrapped.process(ask);
    await clock.runAll();
    await call;
  }
  assert.ok(value.metrics.currentDelayMs > 390);
  // And when all becomes quicker, what was long ago is forgotten.
  for (let i = 0; i < 1200; i++) {
    ms = 10;
    const call = wrapped.process(ask);
    await clock.runAll();
    await call;
  }
  assert.ok(value.metrics.currentDelayMs < 20);
});

test("hedge() starts none that the deadline leaves no time for", async () => {
  const clock = new TestClock();
  const { inner, calls } = paced(clock, 50);
  const call = wrap(inner, hedge({ clock, delayMs: 20 })).process(ask, { deadline: 20 });
  await clock.runAll();
  await call;
  assert.equal(calls.length, 1);
});

test("hedge() of streams the first to yield wins, the other is ended", async () => {
  const clock = new TestClock();
  const log: string[] = [];
  let calls = 0;
  const inner = agent("streaming", async function* (_, call) {
    const index = ++calls;
    try {
      await clock.sleep(index === 1 ? 1000 : 10, call.signal);
      yield `a${index}`;
      yield `b${index}`;
      log.push(`whole ${index}`);
    } finally {
      log.push(`end ${index}`);
    }
  });
  const value = hedge({ clock, delayMs: 100 });
  const chunks = collect(wrap(inner, value).stream(ask));
  await clock.runAll();
  assert.deepEqual((await chunks).map(text), ["a2", "b2"]);
  assert.deepEqual(log.sort(), ["end 1", "end 2", "whole 2"]);
  assert.deepEqual([value.metrics.hedgeWins, value.metrics.successfulRequests], [1, 1]);
});

test("hedge() ends the streams that lost even if they ignore their signals", async () => {
  const clock = new TestClock();
  let calls = 0;
  const ended: number[] = [];
  const inner: Agent = {
    name: "deaf",
    process: () => assert.fail("not a stream"),
    stream: () => {
      const index = ++calls;
      return {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            await clock.sleep(index === 1 ? 1000 : 10);
            return { done: false, value: message("agent", index) };
          },
          return: () => {
            ended.push(index);
            return Promise.resolve({ done: true, value: undefined });
          },
        }),
      };
    },
  };
  const chunk = wrap(inner, hedge({ clock, delayMs: 100 })).stream!(ask)[Symbol.asyncIterator]()
    .next();
  await clock.advance(110);
  assert.equal((await chunk).value!.content, 2);
  assert.deepEqual(ended, [1]);
  await clock.runAll();
});

test("hedge() makes no attempt for a call that its observer aborts", async () => {
  const clock = new TestClock();
  const { inner, calls } = paced(clock, 1000);
  const controller = new AbortController();
  const value = hedge({ clock, delayMs: 100, onHedge: () => controller.abort("enough") });
  const call = errorOf(wrap(inner, value).process(ask, { signal: controller.signal }));
  await clock.advance(100);
  assert.equal(await call, "enough");
  assert.equal(calls.length, 1);
  assert.equal(clock.pending, 0);
});

test("hedge() leaving the stream ends the winner", async () => {
  const clock = new TestClock();
  let signal: AbortSignal | undefined;
  let ended = 0;
  const inner = agent("endless", async function* (_, call) {
    signal = call.signal;
    try {
      for (;;) yield "more";
    } finally {
      ended++;
    }
  });
  const value = hedge({ clock, delayMs: 100 });
  for await (const _ of wrap(inner, value).stream(ask)) break;
  assert.equal(ended, 1);
  assert.equal(signal!.aborted, true);
  assert.equal(clock.pending, 0);
  assert.equal(value.metrics.cancelledRequests, 1);
});

test("hedge() an observer that throws cannot break the call", async () => {
  const clock = new TestClock();
  const { inner } = paced(clock, 100, 1);
  const onHedge = () => {
    throw new Error("observer");
  };
  const call = wrap(inner, hedge({ clock, delayMs: 10, onHedge })).process(ask);
  await clock.runAll();
  assert.equal(text(await call), "attempt 2");
});
