import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  type Agent,
  agent,
  type CallOptions,
  collect,
  createContextValues,
  type Message,
  message,
  text,
  TimeoutError,
  wrap,
} from "../../../src/core/mod.ts";
import { batch } from "../../../src/middleware/batch.ts";
import type { Batch, BatchAgent, BatchOptions } from "../../../src/middleware/batch_options.ts";
import { TestClock } from "../../../src/testing/mod.ts";

const word = (content: string) => message("user", content);

function assertBalanced(batched: Batch) {
  const m = batched.metrics;
  assert.equal(
    m.totalRequests,
    m.successfulRequests + m.failedRequests + m.rejectedRequests + m.cancelledRequests +
      m.queuedRequests + m.runningRequests,
  );
  assert.equal(
    m.totalBatches,
    m.successfulBatches + m.failedBatches + m.partialBatches + m.cancelledBatches +
      m.runningBatches,
  );
}

/** An agent with `processBatch` that answers in upper case; "bad" fails, "boom" fails all. */
function setUp(options: BatchOptions = {}, takesMs = 0) {
  const clock = new TestClock();
  const batched = batch({ clock, ...options });
  const log: { words: string[]; at: number; signal: AbortSignal }[] = [];
  const inner: BatchAgent = {
    name: "embedder",
    capabilities: ["embedding"],
    process: () => assert.fail("called one by one"),
    processBatch: async (messages, calls, signal) => {
      assert.equal(calls.length, messages.length);
      log.push({ words: messages.map(text), at: clock.now(), signal });
      if (takesMs > 0) await clock.sleep(takesMs, signal);
      if (messages.some((m) => text(m) === "boom")) throw new Error("boom");
      return messages.map((m) =>
        text(m) === "bad" ? new Error("bad") : message("agent", text(m).toUpperCase())
      );
    },
  };
  const target = wrap(inner, batched);
  const ask = async (content: string, call?: CallOptions) =>
    text(await target.process(word(content), call));
  return { clock, batched, log, target, ask };
}

/** An agent without `processBatch` that takes as many ms as it is told. */
function oneByOne(options: BatchOptions = {}) {
  const clock = new TestClock();
  const batched = batch({ clock, ...options });
  const seen: [string, CallOptions | undefined][] = [];
  const inner: Agent = {
    name: "single",
    process: async (m, call) => {
      seen.push([text(m), call]);
      await clock.sleep(Number(text(m)), call?.signal);
      return m;
    },
  };
  return { clock, batched, seen, target: wrap(inner, batched) };
}

test("batch() sends ten calls at once and asks the agent once (defect 16)", async () => {
  const { ask, log, batched, clock } = setUp();
  const answers = await Promise.all(Array.from("abcdefghij", (one) => ask(one)));
  assert.equal(answers.join(""), "ABCDEFGHIJ");
  assert.equal(log.length, 1);
  assert.equal(clock.pending, 0);
  const m = batched.metrics;
  assert.deepEqual([m.totalBatches, m.successfulBatches, m.successfulRequests], [1, 1, 10]);
});

test("batch() sends fewer when the first has waited for 100 ms, counted from its arrival", async () => {
  const { ask, log, batched, clock } = setUp();
  const first = ask("a");
  await clock.advance(60);
  const second = ask("b");
  await clock.advance(39);
  assert.equal(log.length, 0);
  await clock.advance(1);
  assert.equal(await first + await second, "AB");
  assert.deepEqual(log.map(({ words, at }) => [words, at]), [[["a", "b"], 100]]);
  const m = batched.metrics;
  assert.equal(m.totalWaitMs, 140);
  assert.equal(m.avgWaitMs, 70);
});

test("batch() has no timer while nothing waits (defect 16)", async () => {
  const { ask, clock } = setUp({}, 10);
  assert.equal(clock.pending, 0);
  const call = ask("a");
  assert.equal(clock.pending, 1);
  await clock.advance(100);
  // Only the agent's own.
  assert.equal(clock.pending, 1);
  await clock.runAll();
  await call;
  assert.equal(clock.pending, 0);
});

test("batch() with maxWaitMs 0 collects the calls of one turn", async () => {
  const { ask, log, clock } = setUp({ maxWaitMs: 0 });
  const calls = [ask("a"), ask("b")];
  await clock.advance(0);
  await Promise.all(calls);
  assert.equal(log.length, 1);
});

test("batch() gives each caller its own answer or its own error", async () => {
  const { ask, batched, clock } = setUp();
  const calls = ["a", "bad", "c"].map((one) => ask(one));
  const settled = Promise.allSettled(calls);
  await clock.runAll();
  const [a, bad, c] = await settled;
  assert.equal(a!.status === "fulfilled" && a!.value, "A");
  assert.equal(bad!.status === "rejected" && bad!.reason.message, "bad");
  assert.equal(c!.status === "fulfilled" && c!.value, "C");
  const m = batched.metrics;
  assert.deepEqual([m.partialBatches, m.successfulRequests, m.failedRequests], [1, 2, 1]);
  assertBalanced(batched);
});

test("batch() fails all of a batch when processBatch rejects or throws at once", async () => {
  const { ask, batched, clock } = setUp();
  const settled = Promise.allSettled([ask("a"), ask("boom")]);
  await clock.runAll();
  assert.deepEqual((await settled).map((one) => one.status), ["rejected", "rejected"]);
  assert.equal(batched.metrics.failedBatches, 1);
  const broken: BatchAgent = {
    name: "broken",
    process: () => assert.fail(),
    processBatch: () => {
      throw new Error("at once");
    },
  };
  const call = wrap(broken, batch({ maxBatchSize: 1 })).process(word("a"));
  await assert.rejects(call, /at once/);
});

test("batch() says so when processBatch answers with something else", async () => {
  const answering = (answer: unknown) => {
    const inner: BatchAgent = {
      name: "odd",
      process: () => assert.fail(),
      processBatch: () => Promise.resolve(answer as never),
    };
    return wrap(inner, batch({ maxBatchSize: 1 })).process(word("a"));
  };
  const odd: [unknown, RegExp][] = [
    [[], /expected an array of 1 answers, got one of 0/],
    [[word("a"), word("b")], /got one of 2/],
    [undefined, /got undefined/],
    [["text"], /expected a message or an Error for each, got "text"/],
  ];
  for (const [answer, expected] of odd) {
    await assert.rejects(answering(answer), (error) => {
      assert.ok(error instanceof AgenkitError);
      assert.equal(error.code, "internal");
      assert.match(error.message, expected);
      return true;
    });
  }
});

test("batch() calls an agent without processBatch once a call, each with its own options (defect 16)", async () => {
  const { clock, seen, target } = oneByOne({ maxBatchSize: 3 });
  const calls: CallOptions[] = [
    { values: createContextValues() },
    { deadline: 1e6 },
    { signal: new AbortController().signal },
  ];
  const answers = Promise.all(calls.map((call, i) => target.process(word(`${i}`), call)));
  await clock.runAll();
  await answers;
  assert.deepEqual(seen.map(([one]) => one), ["0", "1", "2"]);
  // The very objects: deadline, signal and values are those of each caller.
  for (const [i, [, call]] of seen.entries()) assert.equal(call, calls[i]);
});

test("batch() does not hold a fast call up behind a slow one of its batch", async () => {
  const { clock, target } = oneByOne({ maxBatchSize: 2 });
  const done: [string, number][] = [];
  const calls = ["500", "5"].map((one) =>
    target.process(word(one)).then(() => done.push([one, clock.now()]))
  );
  await clock.runAll();
  await Promise.all(calls);
  assert.deepEqual(done, [["5", 5], ["500", 500]]);
});

test("batch() does not hold one batch up behind another, up to the limit (defect 16)", async () => {
  const { clock, batched, ask, log } = setUp({ maxBatchSize: 1, maxConcurrentBatches: 2 }, 100);
  const calls = ["a", "b", "c"].map((one) => ask(one));
  assert.equal(log.length, 2);
  assert.equal(batched.metrics.runningBatches, 2);
  assert.equal(batched.metrics.queuedRequests, 1);
  await clock.runAll();
  await Promise.all(calls);
  assert.deepEqual(log.map(({ at }) => at), [0, 0, 100]);
});

test("batch() fills batches with what has gathered while all were busy", async () => {
  const options = { maxBatchSize: 3, maxConcurrentBatches: 1, maxWaitMs: 10 };
  const { clock, ask, log } = setUp(options, 100);
  const calls = Array.from("abcdefgh", (one) => ask(one));
  await clock.runAll();
  await Promise.all(calls);
  assert.deepEqual(log.map(({ words }) => words.join("")), ["abc", "def", "gh"]);
  assert.deepEqual(log.map(({ at }) => at), [0, 100, 200]);
});

test("batch() settles the siblings of a caller that leaves, in the queue or on the way (defect 2)", async () => {
  const { clock, batched, ask, log } = setUp({}, 50);
  const controller = new AbortController();
  const { signal } = controller;
  const early = new AbortController();
  const left = ask("left", { signal: early.signal });
  const calls = [ask("a"), ask("gone", { signal }), ask("c")];
  early.abort(new Error("early"));
  await assert.rejects(left, /early/);
  await clock.advance(120);
  assert.deepEqual(log[0]!.words, ["a", "gone", "c"]);
  controller.abort(new Error("late"));
  await assert.rejects(calls[1]!, /late/);
  assert.equal(log[0]!.signal.aborted, false);
  await clock.runAll();
  assert.equal(await calls[0], "A");
  assert.equal(await calls[2], "C");
  assert.equal(batched.metrics.cancelledRequests, 2);
  assert.equal(batched.metrics.successfulBatches, 1);
  assertBalanced(batched);
});

test("batch() sends nothing when all have left, and has no timer then", async () => {
  const { clock, batched, ask, log } = setUp();
  const controller = new AbortController();
  const calls = ["a", "b"].map((one) => ask(one, { signal: controller.signal }));
  controller.abort();
  for (const call of calls) await assert.rejects(call, { name: "AbortError" });
  assert.equal(clock.pending, 0);
  assert.equal(batched.metrics.queuedRequests, 0);
  await clock.advance(1000);
  assert.equal(log.length, 0);
});

test("batch() cancels a batch that all callers have left, and gives its place to another", async () => {
  const { clock, batched, ask, log } = setUp({ maxBatchSize: 1, maxConcurrentBatches: 1 }, 1e6);
  const controller = new AbortController();
  const first = ask("a", { signal: controller.signal });
  const second = ask("b");
  assert.equal(log.length, 1);
  const reason = new Error("gone");
  controller.abort(reason);
  await assert.rejects(first, reason);
  assert.equal(log[0]!.signal.reason, reason);
  assert.equal(log.length, 2);
  assert.equal(batched.metrics.cancelledBatches, 1);
  await clock.runAll();
  await second;
  assertBalanced(batched);
});

test("batch() lets a caller go at once although the agent ignores its signal", async () => {
  const batched = batch({ maxBatchSize: 1 });
  const deaf = wrap({ name: "deaf", process: () => new Promise(() => {}) }, batched);
  const controller = new AbortController();
  const call = deaf.process(word("a"), { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(call, /gone/);
  assert.equal(batched.metrics.runningRequests, 0);
});

test("batch() drops a late result, and a late failure is never unhandled", async () => {
  const late = Promise.withResolvers<Message>();
  const batched = batch({ maxBatchSize: 1 });
  const deaf = wrap({ name: "deaf", process: () => late.promise }, batched);
  const controller = new AbortController();
  const call = deaf.process(word("a"), { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(call, /gone/);
  late.reject(new Error("late"));
  await late.promise.catch(() => {});
  assert.equal(batched.metrics.failedRequests, 0);
  assertBalanced(batched);
});

test("batch() rejects an aborted call with its reason and does not queue it", async () => {
  const { batched, ask } = setUp();
  await assert.rejects(ask("a", { signal: AbortSignal.abort(new Error("gone")) }), /gone/);
  assert.equal(batched.metrics.cancelledRequests, 1);
  assert.equal(batched.metrics.queuedRequests, 0);
});

test("batch() does not call for an item that the one before it made leave", async () => {
  const controller = new AbortController();
  const called: string[] = [];
  const target = wrap({
    name: "a",
    process: (m) => {
      called.push(text(m));
      controller.abort(new Error("gone"));
      return Promise.resolve(m);
    },
  }, batch({ maxBatchSize: 2 }));
  const first = target.process(word("a"));
  const second = target.process(word("b"), { signal: controller.signal });
  await assert.rejects(second, /gone/);
  await first;
  assert.deepEqual(called, ["a"]);
});

test("batch() refuses a call when the queue is full", async () => {
  const options = { maxBatchSize: 1, maxQueueSize: 2, maxConcurrentBatches: 1 };
  const { clock, batched, ask } = setUp(options, 10);
  const calls = ["a", "b", "c"].map((one) => ask(one));
  await assert.rejects(ask("d"), (error) => {
    assert.ok(error instanceof AgenkitError);
    assert.equal(error.code, "resource_exhausted");
    assert.match(error.message, /2 calls wait already/);
    return true;
  });
  await clock.runAll();
  await Promise.all(calls);
  assert.equal(batched.metrics.rejectedRequests, 1);
  assertBalanced(batched);
});

test("batch() keeps a call with a deadline waiting for at most half of its time", async () => {
  const { clock, ask, log } = setUp();
  const calls = [ask("a"), ask("b", { deadline: 40 })];
  await clock.advance(20);
  await Promise.all(calls);
  assert.equal(log[0]!.at, 20);
  assert.deepEqual(log[0]!.words, ["a", "b"]);
});

test("batch() does not send a call whose deadline has passed in the queue", async () => {
  const { clock, batched, ask, log } = setUp({ maxBatchSize: 1, maxConcurrentBatches: 1 }, 100);
  const first = ask("a");
  const second = ask("b", { deadline: 50 });
  const late = assert.rejects(second, TimeoutError);
  await clock.runAll();
  await Promise.all([first, late]);
  assert.equal(log.length, 1);
  assert.equal(batched.metrics.failedRequests, 1);
  assertBalanced(batched);
});

test("Batch.flush() sends what waits and resolves when it has ended", async () => {
  const { clock, batched, ask, log } = setUp({ maxBatchSize: 2 }, 50);
  const calls = ["a", "b", "c"].map((one) => ask(one));
  let flushed = -1;
  const done = batched.flush().then(() => flushed = clock.now());
  assert.equal(log.length, 2);
  await clock.runAll();
  await done;
  assert.equal(flushed, 50);
  await Promise.all(calls);
  assert.equal(batched.state, "open");
  await batched.flush();
});

test("Batch.flush() sends everything, even beyond the limit of running batches", async () => {
  const options = { maxBatchSize: 2, maxConcurrentBatches: 1, maxWaitMs: 1e6 };
  const { clock, batched, ask } = setUp(options, 50);
  const calls = Array.from("abcde", (one) => ask(one));
  const done = batched.flush();
  await clock.runAll();
  await done;
  await Promise.all(calls);
  // One at a time: three batches, and none waited for its 1,000 s.
  assert.equal(clock.now(), 150);
});

test("Batch.close() finishes what waits and runs, then refuses calls (defect 2)", async () => {
  const { clock, batched, ask } = setUp({ maxBatchSize: 2 }, 50);
  const calls = ["a", "b", "c"].map((one) => ask(one));
  assert.equal(batched.state, "open");
  const closed = batched.close();
  assert.equal(batched.state, "draining");
  await assert.rejects(ask("d"), (error) => {
    assert.ok(error instanceof AgenkitError);
    assert.equal(error.code, "unavailable");
    assert.equal(error.retryable, false);
    assert.match(error.message, /draining/);
    return true;
  });
  await clock.runAll();
  await closed;
  assert.equal(batched.state, "closed");
  assert.deepEqual(await Promise.all(calls), ["A", "B", "C"]);
  await assert.rejects(ask("e"), /closed/);
  assert.equal(batched.metrics.rejectedRequests, 2);
  assert.equal(clock.pending, 0);
  assertBalanced(batched);
});

test("Batch.close() may be called again, before and after the end (defect 2)", async () => {
  const { clock, batched, ask } = setUp({}, 50);
  const call = ask("a");
  const closing = [batched.close(), batched.close()];
  assert.equal(closing[0], closing[1]);
  await clock.runAll();
  await Promise.all(closing);
  await batched.close();
  await call;
  assert.equal(batched.state, "closed");
});

test("Batch.close() is done once callers have left, though the agent still hangs", async () => {
  const batched = batch({ maxBatchSize: 1 });
  const deaf = wrap({ name: "deaf", process: () => new Promise(() => {}) }, batched);
  const controller = new AbortController();
  const call = deaf.process(word("a"), { signal: controller.signal });
  const closed = batched.close();
  controller.abort(new Error("gone"));
  await assert.rejects(call, /gone/);
  await closed;
});

test("Batch is closed at the end of an `await using` block", async () => {
  const { clock, batched, ask } = setUp();
  let call;
  {
    await using _closing = batched;
    call = ask("a");
  }
  assert.equal(batched.state, "closed");
  assert.equal(await call, "A");
  assert.equal(clock.pending, 0);
});

test("batch() passes streams through", async () => {
  const batched = batch();
  const target = wrap(
    agent("counter", async function* (_m, call) {
      yield `${call.deadline}`;
    }),
    batched,
  );
  const chunks = await collect(target.stream(word("a"), { deadline: 7 }));
  assert.deepEqual(chunks.map(text), ["7"]);
  assert.equal(batched.metrics.totalRequests, 0);
});

test("batch() does not mix the agents that one value wraps, but counts them together", async () => {
  const { clock, batched, ask, log } = setUp();
  const other = wrap(agent("other", (m) => `other ${text(m)}`), batched);
  const calls = [ask("a"), other.process(word("b")), ask("c")];
  await clock.runAll();
  await Promise.all(calls);
  assert.deepEqual(log.map(({ words }) => words), [["a", "c"]]);
  assert.equal(batched.metrics.totalBatches, 2);
  assert.equal(batched.metrics.successfulRequests, 3);
});

test("batch() lets no agent starve another behind the limit", async () => {
  const clock = new TestClock();
  const batched = batch({ clock, maxBatchSize: 1, maxConcurrentBatches: 1 });
  const order: string[] = [];
  const slow = (name: string) =>
    wrap({
      name,
      process: async (m) => {
        order.push(name);
        await clock.sleep(10);
        return m;
      },
    }, batched);
  const [a, b] = [slow("a"), slow("b")];
  const calls = [1, 2, 3].map(() => a.process(word("x")));
  calls.push(b.process(word("x")));
  await clock.runAll();
  await Promise.all(calls);
  assert.ok(order.indexOf("b") <= 2, order.join());
});

test("batch() counts before it tells, so a caller finds itself in the metrics", async () => {
  const { ask, batched } = setUp({ maxBatchSize: 1 });
  await ask("a");
  const m = batched.metrics;
  assert.deepEqual([m.successfulRequests, m.successfulBatches, m.runningRequests], [1, 1, 0]);
});

test("batch() knows no sizes and waits before the first batch", async () => {
  const { ask, batched } = setUp({ maxBatchSize: 2, maxWaitMs: 0 });
  const before = batched.metrics;
  assert.deepEqual(
    [before.minBatchSize, before.maxBatchSize, before.avgBatchSize, before.avgWaitMs],
    [undefined, undefined, undefined, undefined],
  );
  await Promise.all([ask("a"), ask("b")]);
  const call = ask("c");
  await batched.flush();
  await call;
  const after = batched.metrics;
  assert.deepEqual([after.minBatchSize, after.maxBatchSize, after.avgBatchSize], [1, 2, 1.5]);
  assert.ok(Object.isFrozen(after));
});

test("batch() serves a thousand concurrent calls", async () => {
  const { clock, ask, log, batched } = setUp({}, 5);
  const calls = Array.from({ length: 1000 }, (_, i) => ask(`w${i}`));
  await clock.runAll();
  assert.deepEqual(await Promise.all(calls), calls.map((_, i) => `W${i}`));
  assert.equal(log.length, 100);
  assert.equal(batched.metrics.successfulRequests, 1000);
  assertBalanced(batched);
});

test("batch() survives an agent that throws at once, however many calls wait", async () => {
  const batched = batch({ maxBatchSize: 1, maxConcurrentBatches: 1, maxQueueSize: 20_000 });
  const first = Promise.withResolvers<Message>();
  let calls = 0;
  const broken = wrap({
    name: "broken",
    process: () => {
      if (++calls === 1) return first.promise;
      throw new Error("at once");
    },
  }, batched);
  const waiting = Array.from({ length: 20_000 }, () => broken.process(word("a")));
  first.reject(new Error("first"));
  const settled = await Promise.allSettled(waiting);
  assert.ok(settled.every((one) => one.status === "rejected"));
  assert.equal(calls, 20_000);
  assertBalanced(batched);
});

test("batch() keeps the agent's name and capabilities, and stream only where there was one", () => {
  const { target } = setUp();
  assert.equal(target.name, "embedder");
  assert.deepEqual(target.capabilities, ["embedding"]);
  assert.equal(target.stream, undefined);
  assert.throws(() => batch()(null as never), /Cannot apply batch: expected an agent/);
});
