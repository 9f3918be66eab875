import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  agent,
  collect,
  message,
  RateLimitError,
  text,
  wrap,
} from "../../../src/core/mod.ts";
import { rateLimit } from "../../../src/middleware/rate_limit.ts";
import type { RateLimit, RateLimitOptions } from "../../../src/middleware/rate_limit_options.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { TrackedSignal } from "./contract_stack.ts";

const echo = agent({
  name: "echo",
  capabilities: ["text"],
  process: (m) => text(m),
  stream: async function* (m) {
    yield text(m);
    yield "end";
  },
});

function setUp(options: RateLimitOptions = {}) {
  const clock = new TestClock(1000);
  const limit = rateLimit({ clock, ...options });
  return { clock, limit, target: wrap(echo, limit) };
}

/** Starts calls and notes when, in ms from now, and in what order each is answered. */
function start(clock: TestClock, target: { process: typeof echo.process }, count: number) {
  const from = clock.now();
  const log: [number, number][] = [];
  const calls = Array.from(
    { length: count },
    (_, i) => target.process(message("user", "hi")).then(() => log.push([i, clock.now() - from])),
  );
  return { log, done: Promise.all(calls) };
}

function assertBalanced(limit: RateLimit) {
  const m = limit.metrics;
  assert.equal(
    m.totalRequests,
    m.allowedRequests + m.rejectedRequests + m.cancelledRequests + m.waitingRequests,
  );
}

test("rateLimit() lets a burst through at once and the rest at the rate", async () => {
  const { clock, limit, target } = setUp({ rate: 4, burst: 3 });
  const { log, done } = start(clock, target, 6);
  await clock.runAll();
  await done;
  assert.deepEqual(log, [[0, 0], [1, 0], [2, 0], [3, 250], [4, 500], [5, 750]]);
  assert.equal(limit.metrics.totalWaitMs, 1500);
  assert.equal(limit.metrics.allowedRequests, 6);
});

test("rateLimit() has the defaults 10 a second, bursts of 10, one token, waiting", async () => {
  const { clock, target } = setUp();
  const { log, done } = start(clock, target, 12);
  await clock.runAll();
  await done;
  assert.deepEqual(log.map(([, at]) => at), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200]);
});

test("rateLimit() never refuses after a wait, even where ms do not divide the rate (defect 3)", async () => {
  // Truncating the wait to whole ms wakes too early and finds 0.99 tokens.
  for (const rate of [3, 7, 0.3, 1000 / 3, 1234.5678]) {
    const { clock, limit, target } = setUp({ rate, burst: 1 });
    const { done } = start(clock, target, 40);
    await clock.runAll();
    await done;
    assert.equal(limit.metrics.rejectedRequests, 0);
    assert.ok(Math.abs(clock.now() - 1000 - 39_000 / rate) < 1e-3);
  }
});

test("rateLimit() admits a call in mode reject as soon as its token is back, to the last bit", async () => {
  for (const rate of [3, 7, 0.3, 1000 / 3]) {
    const { clock, target } = setUp({ rate, burst: 3, mode: "reject" });
    for (let i = 0; i < 3; i++) await target.process(message("user", "hi"));
    for (let i = 0; i < 200; i++) {
      await clock.advance(1000 / rate);
      await target.process(message("user", "hi"));
    }
  }
});

test("rateLimit() serves in order of arrival, small calls not before large ones (defect 3)", async () => {
  const { clock, target } = setUp({ rate: 10, burst: 5, tokensPerCall: (m) => Number(text(m)) });
  const log: string[] = [];
  const calls = ["5", "4", "1", "2"].map((cost) =>
    target.process(message("user", cost)).then(() => log.push(`${cost}@${clock.now() - 1000}`))
  );
  await clock.runAll();
  await Promise.all(calls);
  assert.deepEqual(log, ["5@0", "4@400", "1@500", "2@700"]);
});

test("rateLimit() refills while idle, but never above the burst", async () => {
  const { clock, limit, target } = setUp({ rate: 10, burst: 3, mode: "reject" });
  await clock.advance(60_000);
  assert.equal(limit.metrics.currentTokens, 3);
  for (let i = 0; i < 3; i++) await target.process(message("user", "hi"));
  assert.equal(limit.metrics.currentTokens, 0);
  await assert.rejects(target.process(message("user", "hi")), RateLimitError);
  await clock.advance(50);
  assert.equal(limit.metrics.currentTokens, 0.5);
});

test("rateLimit() refuses in mode reject with retryAfterMs rounded up", async () => {
  const { limit, target } = setUp({ rate: 3, burst: 1, mode: "reject" });
  await target.process(message("user", "hi"));
  await assert.rejects(target.process(message("user", "hi")), (error) => {
    assert.ok(error instanceof RateLimitError);
    assert.equal(error.code, "resource_exhausted");
    assert.equal(error.retryAfterMs, 334);
    assert.equal(error.retryable, true);
    assert.deepEqual(error.details, { tokensNeeded: 1, tokensAvailable: 0 });
    return true;
  });
  assert.equal(limit.metrics.rejectedRequests, 1);
  assertBalanced(limit);
});

test("rateLimit() refuses at once what would wait longer than maxWaitMs (defect 3)", async () => {
  const { clock, limit, target } = setUp({ rate: 10, burst: 1, maxWaitMs: 200 });
  const { done } = start(clock, target, 3);
  await assert.rejects(target.process(message("user", "hi")), { retryAfterMs: 300 });
  assert.equal(limit.metrics.waitingRequests, 2);
  await clock.runAll();
  await done;
});

test("rateLimit() bounds how many wait (defect 17)", async () => {
  const { clock, limit, target } = setUp({ rate: 10, burst: 1, maxQueue: 2 });
  const { done } = start(clock, target, 3);
  await assert.rejects(target.process(message("user", "hi")), /2 calls wait already/);
  await clock.runAll();
  await done;
  assert.equal(limit.metrics.rejectedRequests, 1);
  assertBalanced(limit);
});

test("rateLimit() refuses at once a call whose deadline is before its turn", async () => {
  const { clock, limit, target } = setUp({ rate: 10, burst: 1 });
  await target.process(message("user", "hi"));
  await assert.rejects(
    target.process(message("user", "hi"), { deadline: clock.now() + 99 }),
    (error) => error instanceof RateLimitError && error.retryAfterMs === 100,
  );
  assert.equal(limit.metrics.waitingRequests, 0);
  const inTime = target.process(message("user", "hi"), { deadline: clock.now() + 100 });
  await clock.runAll();
  await inTime;
});

test("rateLimit() gives the place of an aborted waiter back, and those behind move up (defect 3)", async () => {
  const { clock, limit, target } = setUp({ rate: 10, burst: 1 });
  await target.process(message("user", "hi"));
  const controllers = [new AbortController(), new AbortController()];
  const first = target.process(message("user", "1"), { signal: controllers[0]!.signal });
  const second = target.process(message("user", "2"), { signal: controllers[1]!.signal });
  const third = target.process(message("user", "3")).then(() => clock.now() - 1000);
  const reason = new Error("gone");
  controllers[0]!.abort(reason);
  controllers[1]!.abort(reason);
  // Within a tick: no time passes here.
  await assert.rejects(first, reason);
  await assert.rejects(second, reason);
  assert.equal(limit.metrics.cancelledRequests, 2);
  assert.equal(clock.pending, 1);
  await clock.runAll();
  assert.equal(await third, 100);
  assertBalanced(limit);
});

test("rateLimit() leaves no timer behind when the last waiter aborts", async () => {
  const { clock, limit, target } = setUp({ rate: 1, burst: 1 });
  await target.process(message("user", "hi"));
  const controller = new AbortController();
  const waiting = target.process(message("user", "hi"), { signal: controller.signal });
  assert.equal(clock.pending, 1);
  controller.abort();
  await assert.rejects(waiting, { name: "AbortError" });
  assert.equal(clock.pending, 0);
  assert.equal(limit.metrics.waitingRequests, 0);
});

test("rateLimit() rejects an aborted call with its reason and takes no token", async () => {
  const { limit, target } = setUp({ burst: 1 });
  const reason = new Error("gone");
  const call = { signal: AbortSignal.abort(reason) };
  await assert.rejects(target.process(message("user", "hi"), call), reason);
  await assert.rejects(collect(target.stream(message("user", "hi"), call)), reason);
  assert.equal(limit.metrics.currentTokens, 1);
  assert.equal(limit.metrics.cancelledRequests, 2);
  assertBalanced(limit);
});

/** A clock whose timers ring late, as those of a busy event loop do. */
class LateClock extends TestClock {
  override schedule(at: number, callback: () => void) {
    return super.schedule(at + 1000, callback);
  }
}

test("rateLimit() does not call an agent whose call was aborted as its turn came", async () => {
  const clock = new LateClock();
  const controller = new AbortController();
  const calls: string[] = [];
  const target = wrap(
    {
      name: "deaf",
      process: (m) => {
        calls.push(text(m));
        if (text(m) === "3") controller.abort(new Error("gone"));
        return Promise.resolve(m);
      },
    },
    rateLimit({ rate: 10, burst: 2, clock }),
  );
  const { signal } = controller;
  const [first, second, third, fourth] = ["1", "2", "3", "4"].map((m) =>
    target.process(message("user", m), m === "4" ? { signal } : {})
  );
  const rejected = assert.rejects(fourth!, /gone/);
  await clock.runAll();
  await Promise.all([first, second, third, rejected]);
  assert.deepEqual(calls, ["1", "2", "3"]);
});

test("rateLimit() does not begin a stream that was aborted as its turn came", async () => {
  const clock = new LateClock();
  const controller = new AbortController();
  const target = wrap(
    {
      name: "deaf",
      process: (m) => {
        if (text(m) === "3") controller.abort("gone");
        return Promise.resolve(m);
      },
      stream: () => assert.fail("begun"),
    },
    rateLimit({ rate: 10, burst: 2, clock }),
  );
  const calls = ["1", "2", "3"].map((m) => target.process(message("user", m)));
  const { signal } = controller;
  const stream = target.stream!(message("user", "4"), { signal })[Symbol.asyncIterator]();
  const refused = assert.rejects(stream.next(), (error) => error === "gone");
  await clock.runAll();
  await Promise.all([...calls, refused]);
});

test("rateLimit() lets go of the signal of a call whose turn has come", async () => {
  const { clock, target } = setUp({ rate: 10, burst: 1 });
  const tracked = new TrackedSignal();
  const calls = [1, 2].map(() => target.process(message("user", "hi"), { signal: tracked.signal }));
  assert.equal(tracked.listeners, 1);
  await clock.runAll();
  await Promise.all(calls);
  assert.equal(tracked.listeners, 0);
});

test("rateLimit() admits a call when its timer rings, although a coarse clock is still behind", async () => {
  let timers = 0;
  const frozen = {
    now: () => 0,
    sleep: () => assert.fail("not needed"),
    schedule: (_at: number, callback: () => void) => {
      timers++;
      queueMicrotask(callback);
      return { cancel: () => {} };
    },
  };
  const target = wrap(echo, rateLimit({ rate: 10, burst: 1, clock: frozen }));
  await Promise.all([1, 2, 3].map(() => target.process(message("user", "hi"))));
  assert.equal(timers, 2);
});

test("rateLimit() drops no bucket in which calls wait, however late its timer is", async () => {
  const clock = new LateClock();
  const limit = rateLimit({ rate: 10, burst: 1, clock, key: text });
  const target = wrap(echo, limit);
  const calls = ["a", "a"].map((key) => target.process(message("user", key)));
  await clock.advance(500);
  calls.push(target.process(message("user", "b")));
  assert.equal(limit.metrics.buckets, 2);
  await clock.runAll();
  await Promise.all(calls);
});

test("rateLimit() loses what the bucket could not hold when its timer rings late", async () => {
  const clock = new LateClock();
  const limit = rateLimit({ rate: 10, burst: 2, clock });
  const target = wrap(echo, limit);
  const { log, done } = start(clock, target, 6);
  await clock.runAll();
  await done;
  // Never more than the burst of two at a time, although a second would have held ten.
  assert.deepEqual(log.map(([, at]) => at), [0, 0, 1100, 1100, 2200, 2200]);
});

test("rateLimit() reserves once a stream, when it is first read (defect 10)", async () => {
  const { clock, limit, target } = setUp({ rate: 10, burst: 1 });
  const unread = target.stream(message("user", "a"));
  assert.equal(limit.metrics.totalRequests, 0);
  assert.equal((await collect(target.stream(message("user", "b")))).length, 2);
  assert.equal(limit.metrics.totalRequests, 1);
  const late = collect(unread);
  await clock.runAll();
  assert.deepEqual((await late).map(text), ["a", "end"]);
  assert.equal(limit.metrics.totalWaitMs, 100);
});

test("rateLimit() ends a stream that waits for its turn when the signal aborts", async () => {
  const { clock, limit, target } = setUp({ rate: 10, burst: 1 });
  await target.process(message("user", "hi"));
  const controller = new AbortController();
  const reading = collect(target.stream(message("user", "hi"), { signal: controller.signal }));
  await Promise.resolve();
  assert.equal(limit.metrics.waitingRequests, 1);
  controller.abort(new Error("gone"));
  await assert.rejects(reading, /gone/);
  assert.equal(limit.metrics.waitingRequests, 0);
  assert.equal(clock.pending, 0);
});

test("rateLimit() hands a break in a stream on to the agent", async () => {
  let closed = false;
  const endless = agent("endless", async function* () {
    try {
      for (;;) yield "x";
    } finally {
      closed = true;
    }
  });
  for await (const _ of wrap(endless, rateLimit()).stream(message("user", "hi"))) break;
  assert.equal(closed, true);
});

test("rateLimit() keeps a bucket for each key", async () => {
  const { limit, target } = setUp({
    rate: 1,
    burst: 1,
    mode: "reject",
    key: (m) => String(m.metadata.user),
  });
  await target.process(message("user", "hi", { user: "ann" }));
  await target.process(message("user", "hi", { user: "bob" }));
  await assert.rejects(target.process(message("user", "hi", { user: "ann" })), RateLimitError);
  assert.equal(limit.metrics.buckets, 2);
  assert.equal(limit.metrics.currentTokens, undefined);
});

test("rateLimit() drops buckets that are full again, and keeps those that are not", async () => {
  const { clock, limit, target } = setUp({ rate: 1, burst: 5, key: text });
  for (let i = 0; i < 1000; i++) {
    await target.process(message("user", `user ${i}`));
    await clock.advance(500);
  }
  assert.ok(limit.metrics.buckets <= 5, `${limit.metrics.buckets} buckets`);
});

test("rateLimit() holds no more than maxKeys buckets and drops none that is in use", async () => {
  const { clock, limit, target } = setUp({
    rate: 1,
    burst: 2,
    key: text,
    maxKeys: 3,
    mode: "reject",
  });
  for (const user of ["a", "b", "c"]) await target.process(message("user", user));
  await assert.rejects(target.process(message("user", "d")), { retryAfterMs: 1000 });
  await target.process(message("user", "a"));
  await clock.advance(1000);
  await target.process(message("user", "d"));
  assert.equal(limit.metrics.buckets <= 3, true);
  assert.equal(limit.metrics.rejectedRequests, 1);
  assertBalanced(limit);
});

test("rateLimit() finds room for a key again after all buckets had calls waiting", async () => {
  const { clock, target } = setUp({ rate: 1, burst: 1, key: text, maxKeys: 1 });
  const first = target.process(message("user", "a"));
  const waiting = target.process(message("user", "a"));
  await assert.rejects(target.process(message("user", "b")), RateLimitError);
  await clock.advance(1500);
  await assert.rejects(target.process(message("user", "b")), RateLimitError);
  await clock.advance(1500);
  await target.process(message("user", "b"));
  await Promise.all([first, waiting]);
});

test("rateLimit() shares one quota between the agents that one value wraps", async () => {
  const { limit, target } = setUp({ burst: 2, mode: "reject" });
  const other = limit(agent("other", () => "ok"));
  await target.process(message("user", "hi"));
  await other.process(message("user", "hi"));
  await assert.rejects(target.process(message("user", "hi")), RateLimitError);
});

test("rateLimit() takes what tokensPerCall says, fractions and nothing included", async () => {
  const { limit, target } = setUp({ burst: 2, tokensPerCall: (m) => m.content as number });
  await target.process(message("user", 0.5));
  assert.equal(limit.metrics.currentTokens, 1.5);
  await target.process(message("user", 0));
  assert.equal(limit.metrics.currentTokens, 1.5);
  await assert.rejects(target.process(message("user", 3)), (error) => {
    assert.ok(error instanceof AgenkitError);
    assert.equal(error.code, "invalid_argument");
    assert.match(error.message, /'tokensPerCall\(\)' must be at most 'burst' \(2\).* 3$/);
    return true;
  });
  await assert.rejects(target.process(message("user", -1)), RangeError);
  await assert.rejects(target.process(message("user", "x")), TypeError);
});

test("rateLimit() rejects, not throws, when key or the agent throws at once", async () => {
  const broken = {
    name: "broken",
    process: () => {
      throw new Error("at once");
    },
  };
  await assert.rejects(wrap(broken, rateLimit()).process(message("user", "hi")), /at once/);
  const key = () => 7 as unknown as string;
  await assert.rejects(wrap(echo, rateLimit({ key })).process(message("user", "hi")), /'key\(\)'/);
});

test("rateLimit() keeps the agent's name and capabilities, and stream only where there was one", () => {
  const { target } = setUp();
  assert.equal(target.name, "echo");
  assert.deepEqual(target.capabilities, ["text"]);
  assert.equal(rateLimit()(agent("a", () => "b")).stream, undefined);
  assert.throws(() => rateLimit()({} as never), /Cannot apply rateLimit: expected an agent/);
});

test("rateLimit() hands signal, deadline and values on untouched", async () => {
  const seen: unknown[] = [];
  const target = wrap(
    { name: "a", process: (m, call) => (seen.push(call), Promise.resolve(m)) },
    rateLimit(),
  );
  const call = { deadline: 1e9, signal: new AbortController().signal };
  await target.process(message("user", "hi"), call);
  assert.equal(seen[0], call);
});

test("rateLimit() shows frozen metrics and cannot be changed", () => {
  const limit = rateLimit();
  assert.ok(Object.isFrozen(limit.metrics));
  assert.throws(() => Object.assign(limit, { metrics: 1 }), TypeError);
});
