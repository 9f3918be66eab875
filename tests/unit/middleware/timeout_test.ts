import assert from "node:assert/strict";
import { test } from "node:test";
import { type Agent, agent } from "../../../src/core/agent.ts";
import type { CallOptions } from "../../../src/core/call.ts";
import type { Clock } from "../../../src/core/clock.ts";
import { collect } from "../../../src/core/collect.ts";
import { TimeoutError } from "../../../src/core/errors.ts";
import { type Message, message, text } from "../../../src/core/message.ts";
import { type AbortWatcher, LinkedSignal } from "../../../src/core/signals.ts";
import { TimerQueue } from "../../../src/core/timer_queue.ts";
import { wrap } from "../../../src/core/wrap.ts";
import { timeout } from "../../../src/middleware/mod.ts";
import { Race } from "../../../src/middleware/timeout_race.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { ask, errorOf, scripted, tick } from "./support.ts";

/** Never answers, and ignores its signal; remembers its options. */
function stuck(): Agent & { calls: CallOptions[] } {
  const calls: CallOptions[] = [];
  return {
    name: "stuck",
    calls,
    process: (_, call) => {
      calls.push(call!);
      return new Promise<Message>(() => {});
    },
  };
}

test("timeout() ends a call on time even if the agent ignores its signal (defect 15)", async () => {
  const clock = new TestClock();
  const inner = stuck();
  const value = timeout({ clock, totalMs: 100 });
  const call = wrap(inner, value).process(ask);
  let settled = false;
  call.catch(() => settled = true);
  await clock.advance(99);
  assert.equal(settled, false);
  await clock.advance(1);
  const error = await errorOf(call);
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.code, "deadline_exceeded");
  assert.equal(error.timeoutMs, 100);
  assert.match(error.message, /'stuck' timed out: it took longer than 100 ms/);
  const { signal } = inner.calls[0]!;
  assert.equal(signal!.aborted, true);
  assert.equal(signal!.reason, error);
  assert.equal(value.metrics.timedOutRequests, 1);
});

test("timeout() default is 30,000 ms, and is the agent's deadline", async () => {
  const clock = new TestClock(500);
  const inner = stuck();
  const call = errorOf(wrap(inner, timeout({ clock })).process(ask));
  assert.equal(inner.calls[0]!.deadline, 30_500);
  await clock.advance(30_000);
  assert.ok(await call instanceof TimeoutError);
});

test("timeout() drops a late answer and a late failure", async () => {
  const clock = new TestClock();
  const work = [Promise.withResolvers<Message>(), Promise.withResolvers<Message>()];
  let calls = 0;
  const inner: Agent = { name: "late", process: () => work[calls++]!.promise };
  const value = timeout({ clock, totalMs: 10 });
  const limited = wrap(inner, value);
  const errors = [errorOf(limited.process(ask)), errorOf(limited.process(ask))];
  await clock.advance(10);
  for (const error of await Promise.all(errors)) assert.ok(error instanceof TimeoutError);
  work[0]!.resolve(message("agent", "late"));
  work[1]!.reject(new Error("late"));
  await tick();
  assert.equal(value.metrics.timedOutRequests, 2);
  assert.equal(value.metrics.totalRequests, 2);
});

test("timeout() tells its own time from the agent's own TimeoutError (defect 8)", async () => {
  const clock = new TestClock();
  const own = new TimeoutError("the agent's own", { timeoutMs: 7 });
  const value = timeout({ clock });
  assert.equal(await errorOf(wrap(scripted(own), value).process(ask)), own);
  assert.equal(value.metrics.timedOutRequests, 0);
  assert.equal(value.metrics.failedRequests, 1);
});

test("timeout() the earlier deadline of the call wins", async () => {
  const clock = new TestClock();
  const inner = stuck();
  const call = errorOf(
    wrap(inner, timeout({ clock, totalMs: 100 })).process(ask, { deadline: 40 }),
  );
  assert.equal(inner.calls[0]!.deadline, 40);
  await clock.advance(40);
  const error = await call;
  assert.ok(error instanceof TimeoutError);
  assert.match(error.message, /deadline/);
  const later = errorOf(
    wrap(inner, timeout({ clock, totalMs: 10 })).process(ask, { deadline: 999 }),
  );
  assert.equal(inner.calls[1]!.deadline, 50);
  await clock.advance(10);
  await later;
});

test("timeout() calls nobody after the deadline", async () => {
  const inner = scripted("answer");
  const limited = wrap(inner, timeout({ clock: new TestClock(100) }));
  await assert.rejects(limited.process(ask, { deadline: 100 }), TimeoutError);
  assert.equal(inner.calls.length, 0);
});

test("timeout() an abort is no timeout (defect 5)", async () => {
  const clock = new TestClock();
  const value = timeout({ clock });
  const controller = new AbortController();
  const inner = stuck();
  const call = errorOf(wrap(inner, value).process(ask, { signal: controller.signal }));
  const reason = { why: "left" };
  controller.abort(reason);
  assert.equal(await call, reason);
  assert.equal(inner.calls[0]!.signal!.reason, reason);
  assert.equal(clock.pending, 0);
  assert.equal(value.metrics.cancelledRequests, 1);
  assert.equal(value.metrics.timedOutRequests, 0);
});

test("timeout() an agent that makes its caller give up while it starts", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const inner: Agent = {
    name: "leaving",
    process: () => {
      controller.abort("left");
      return Promise.reject(new Error("late"));
    },
  };
  const value = timeout({ clock });
  assert.equal(
    await errorOf(wrap(inner, value).process(ask, { signal: controller.signal })),
    "left",
  );
  assert.equal(clock.pending, 0);
  assert.equal(value.metrics.inFlightRequests, 0);
});

test("timeout() watches the signal of a stream only while it waits for a chunk", async () => {
  const watchers = new Set<unknown>();
  class CountingSignal extends LinkedSignal {
    override watch(watcher: AbortWatcher) {
      watchers.add(watcher);
      super.watch(watcher);
    }
    override unwatch(watcher: AbortWatcher) {
      watchers.delete(watcher);
      super.unwatch(watcher);
    }
  }
  const link = new CountingSignal();
  for (let i = 0; i < 3; i++) {
    const race = new Race<number>(link);
    assert.equal(watchers.size, 1);
    race.follow(Promise.resolve(i));
    assert.equal(await race.promise, i);
    assert.equal(watchers.size, 0);
  }
});

test("timeout() nested: the inner one's signal follows the outer one's", async () => {
  const clock = new TestClock();
  const inner = stuck();
  const outerValue = timeout({ clock, totalMs: 10 });
  const innerValue = timeout({ clock, totalMs: 50 });
  const call = errorOf(wrap(inner, outerValue, innerValue).process(ask));
  await clock.advance(10);
  assert.ok(await call instanceof TimeoutError);
  assert.equal(inner.calls[0]!.signal!.aborted, true);
  assert.equal(clock.pending, 0);
  assert.equal(outerValue.metrics.timedOutRequests, 1);
  assert.equal(innerValue.metrics.failedRequests, 1);
});

test("timeout() an agent's copy of the options keeps the signal", async () => {
  const clock = new TestClock();
  let copy: CallOptions = {};
  const inner: Agent = {
    name: "copier",
    process: (_, call) => {
      copy = { ...call };
      return new Promise(() => {});
    },
  };
  const call = errorOf(wrap(inner, timeout({ clock, totalMs: 5 })).process(ask));
  await clock.advance(5);
  await call;
  assert.equal(copy.signal!.aborted, true);
});

test("timeout() 10,000 calls at once have one timer armed", async () => {
  const { setTimeout, clearTimeout } = globalThis;
  const armed = new Set<unknown>();
  let calls = 0;
  let most = 0;
  // A queue as the system's clock has one. That one may still be at work for
  // other tests of this process, whose timers do not count.
  let ours = false;
  const asOurs = <T>(work: () => T): T => {
    ours = true;
    try {
      return work();
    } finally {
      ours = false;
    }
  };
  const now = () => performance.now();
  const queue = new TimerQueue(now);
  const clock: Clock = {
    now,
    sleep: () => Promise.reject(new Error("unused")),
    schedule: (at, callback) => asOurs(() => queue.add(at, callback)),
  };
  const counted = (callback: () => void, ms?: number) => {
    if (!ours) return setTimeout(callback, ms);
    calls++;
    const id = setTimeout(() => {
      armed.delete(id);
      asOurs(callback);
    }, ms);
    armed.add(id);
    most = Math.max(most, armed.size);
    return id;
  };
  const wait = () => new Promise((resolve) => setTimeout(resolve, 30));
  globalThis.setTimeout = counted as typeof setTimeout;
  globalThis.clearTimeout = ((id: Parameters<typeof clearTimeout>[0]) => {
    armed.delete(id);
    clearTimeout(id);
  }) as typeof clearTimeout;
  try {
    const work = Promise.withResolvers<Message>();
    const inner: Agent = { name: "waiting", process: () => work.promise };
    const limited = wrap(inner, timeout({ totalMs: 20_000, clock }));
    const answers = Array.from({ length: 10_000 }, () => limited.process(ask));
    assert.equal(calls, 1);
    await wait();
    assert.equal(most, 1);
    assert.ok(calls <= 3, `${calls} timers for 10,000 calls`);
    work.resolve(ask);
    await Promise.all(answers);
    await wait();
    assert.equal(armed.size, 0);
  } finally {
    globalThis.setTimeout = setTimeout;
    globalThis.clearTimeout = clearTimeout;
  }
});

/** Sends a chunk after each of the given waits; can be told to hang. */
function paced(clock: TestClock, waits: readonly number[]) {
  const seen = { ended: false, returned: false, call: {} as CallOptions };
  const inner: Agent = {
    name: "paced",
    process: () => Promise.reject(new Error("unused")),
    stream: (_, call) => {
      seen.call = call!;
      let index = 0;
      return {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            const ms = waits[index++];
            if (ms === undefined) {
              seen.ended = true;
              return { done: true, value: undefined };
            }
            if (ms > 0) await clock.sleep(ms);
            return { done: false, value: message("agent", `chunk ${index}`) };
          },
          return: () => {
            seen.returned = true;
            return new Promise(() => {});
          },
        }),
      };
    },
  };
  return { inner, seen };
}

async function readAll(stream: AsyncIterable<Message>, clock: TestClock, eachMs: number) {
  const chunks: string[] = [];
  try {
    for await (const chunk of stream) {
      chunks.push(text(chunk));
      if (eachMs > 0) await clock.sleep(eachMs);
    }
  } catch (error) {
    return { chunks, error };
  }
  return { chunks, error: undefined };
}

test("timeout() never counts the consumer's time (defect 9)", async () => {
  const clock = new TestClock();
  const { inner, seen } = paced(clock, [5, 5, 5]);
  const value = timeout({ clock, totalMs: 20, firstChunkMs: 8, idleMs: 8 });
  const reading = readAll(wrap(inner, value).stream!(ask), clock, 1000);
  await clock.runAll();
  const { chunks, error } = await reading;
  assert.equal(error, undefined);
  assert.equal(chunks.length, 3);
  assert.equal(seen.ended, true);
  assert.equal(value.metrics.successfulRequests, 1);
});

test("timeout() totalMs of a stream is the agent's time for all chunks", async () => {
  const clock = new TestClock();
  const { inner, seen } = paced(clock, [5, 5, 5, 5]);
  const value = timeout({ clock, totalMs: 12 });
  const reading = readAll(wrap(inner, value).stream!(ask), clock, 100);
  await clock.runAll();
  const { chunks, error } = await reading;
  assert.equal(chunks.length, 2);
  assert.ok(error instanceof TimeoutError);
  assert.equal(error.timeoutMs, 12);
  assert.equal(seen.returned, true);
  assert.equal(seen.call.signal!.reason, error);
  assert.equal(value.metrics.timedOutRequests, 1);
});

test("timeout() firstChunkMs ends a stream that does not begin; its return() is not waited for", async () => {
  const clock = new TestClock();
  const { inner, seen } = paced(clock, [50]);
  const value = timeout({ clock, firstChunkMs: 10 });
  const reading = readAll(wrap(inner, value).stream!(ask), clock, 0);
  await clock.advance(10);
  const { error } = await reading;
  assert.match((error as TimeoutError).message, /no first chunk within 10 ms/);
  assert.deepEqual((error as TimeoutError).details, { limit: "firstChunk" });
  assert.equal(seen.returned, true);
  await clock.runAll();
});

test("timeout() idleMs ends a stream that pauses; the first chunk may take longer", async () => {
  const clock = new TestClock();
  const { inner, seen } = paced(clock, [500, 9, 11]);
  const value = timeout({ clock, idleMs: 10 });
  const reading = readAll(wrap(inner, value).stream!(ask), clock, 50);
  await clock.runAll();
  const { chunks, error } = await reading;
  assert.equal(chunks.length, 2);
  assert.match((error as TimeoutError).message, /no further chunk within 10 ms/);
  assert.equal(seen.returned, true);
});

test("timeout() a stream has no totalMs by default if a chunk limit is given", async () => {
  const clock = new TestClock();
  const waits = Array<number>(50).fill(1000);
  const idle = readAll(
    wrap(paced(clock, waits).inner, timeout({ clock, idleMs: 2000 })).stream!(ask),
    clock,
    0,
  );
  const plain = readAll(wrap(paced(clock, waits).inner, timeout({ clock })).stream!(ask), clock, 0);
  await clock.runAll();
  assert.equal((await idle).error, undefined);
  const { chunks, error } = await plain;
  assert.ok(error instanceof TimeoutError);
  assert.ok(chunks.length >= 29 && chunks.length <= 30);
});

test("timeout() a stream ends at the call's deadline, the consumer's time included", async () => {
  const clock = new TestClock();
  const { inner } = paced(clock, [1, 1, 1, 1]);
  const stream = wrap(inner, timeout({ clock })).stream!(ask, { deadline: 10 });
  const reading = readAll(stream, clock, 5);
  await clock.runAll();
  const { chunks, error } = await reading;
  assert.equal(chunks.length, 2);
  assert.match((error as TimeoutError).message, /deadline/);
});

test("timeout() leaving a stream aborts its signal and waits for its end", async () => {
  const clock = new TestClock();
  let signal: AbortSignal | undefined;
  let ended = false;
  const inner = agent("endless", async function* (_, call) {
    signal = call.signal;
    try {
      for (;;) yield "more";
    } finally {
      await null;
      ended = true;
    }
  });
  const value = timeout({ clock });
  for await (const _ of wrap(inner, value).stream(ask)) break;
  assert.equal(ended, true);
  assert.equal(signal!.aborted, true);
  assert.equal(value.metrics.cancelledRequests, 1);
  assert.equal(clock.pending, 0);
});

test("timeout() an abort while a stream waits is no timeout, and does not wait for return()", async () => {
  const clock = new TestClock();
  const { inner, seen } = paced(clock, [1_000_000]);
  const value = timeout({ clock });
  const controller = new AbortController();
  const reading = errorOf(collect(wrap(inner, value).stream!(ask, { signal: controller.signal })));
  await tick();
  controller.abort("left");
  assert.equal(await reading, "left");
  assert.equal(seen.returned, true);
  assert.equal(value.metrics.cancelledRequests, 1);
});

test("timeout() an abort while the consumer has the chunk ends the stream at the next one", async () => {
  const clock = new TestClock();
  const { inner, seen } = paced(clock, [0, 0]);
  const controller = new AbortController();
  const stream = wrap(inner, timeout({ clock })).stream!(ask, { signal: controller.signal });
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  controller.abort("left");
  assert.equal(await errorOf(iterator.next()), "left");
  assert.equal(seen.returned, true);
});
