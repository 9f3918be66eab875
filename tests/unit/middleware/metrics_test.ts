import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  agent,
  CircuitOpenError,
  collect,
  message,
  RateLimitError,
  TimeoutError,
  wrap,
} from "../../../src/core/mod.ts";
import { Histogram } from "../../../src/middleware/histogram.ts";
import { type Metrics, metrics } from "../../../src/middleware/metrics.ts";
import { TestClock } from "../../../src/testing/mod.ts";

const hello = message("user", "hi");

function setUp(handler: () => unknown) {
  const clock = new TestClock();
  const counted = metrics({ clock });
  const target = wrap({ name: "a", process: async () => await handler() as never }, counted);
  return { clock, counted, target };
}

function assertBalanced(counted: Metrics) {
  const s = counted.snapshot();
  assert.equal(
    s.totalRequests,
    s.successRequests + s.failedRequests + s.timedOutRequests + s.rejectedRequests +
      s.cancelledRequests + s.inFlightRequests,
  );
  assert.equal(s.errorRequests, s.failedRequests + s.timedOutRequests + s.rejectedRequests);
}

test("metrics() knows no latency before the first sample, and does not call it 0 (defect 14)", () => {
  const s = metrics().snapshot();
  assert.equal(s.minLatencyMs, undefined);
  assert.equal(s.maxLatencyMs, undefined);
  assert.equal(s.averageLatencyMs, undefined);
  assert.equal(s.errorRate, undefined);
  assert.deepEqual(s.latencyMs, {
    count: 0,
    p50: undefined,
    p90: undefined,
    p95: undefined,
    p99: undefined,
    p999: undefined,
  });
  assert.equal(s.totalLatencyMs, 0);
});

test("metrics() keeps a latency of 0 as the smallest (defect 14)", async () => {
  const { clock, counted, target } = setUp(() => clock.sleep(waits.shift()!).then(() => hello));
  const waits = [0, 50];
  for (let i = 0; i < 2; i++) {
    const call = target.process(hello);
    await clock.runAll();
    await call;
  }
  const s = counted.snapshot();
  assert.equal(s.minLatencyMs, 0);
  assert.equal(s.maxLatencyMs, 50);
  assert.equal(s.averageLatencyMs, 25);
  assert.equal(s.totalLatencyMs, 50);
});

test("metrics() tells the outcomes of calls apart and counts them by code", async () => {
  const errors = [
    undefined,
    new AgenkitError("unavailable", "x"),
    new Error("plain"),
    new TimeoutError("late"),
    new DOMException("late", "TimeoutError"),
    new RateLimitError("full"),
    new AgenkitError("resource_exhausted", "queue full"),
    new CircuitOpenError("open"),
    new AgenkitError("cancelled", "peer"),
    "a string",
  ];
  const { counted, target } = setUp(() => {
    const error = errors.shift();
    if (error !== undefined) throw error;
    return hello;
  });
  for (const error of [...errors]) {
    // Errors are handed on as they are.
    if (error === undefined) await target.process(hello);
    else await target.process(hello).then(() => assert.fail(), (got) => assert.equal(got, error));
  }
  const s = counted.snapshot();
  assert.equal(s.totalRequests, 10);
  assert.equal(s.successRequests, 1);
  assert.equal(s.failedRequests, 3);
  assert.equal(s.timedOutRequests, 2);
  assert.equal(s.rejectedRequests, 3);
  assert.equal(s.cancelledRequests, 1);
  assert.equal(s.errorRequests, 8);
  assert.equal(s.errorRate, 8 / 9);
  assert.deepEqual(s.codes, {
    unavailable: 2,
    unknown: 2,
    deadline_exceeded: 2,
    resource_exhausted: 2,
    cancelled: 1,
  });
  // The latencies of calls that worked: 1 ok, 3 failed, 2 timed out.
  assert.equal(s.latencyMs.count, 6);
  assertBalanced(counted);
});

test("metrics() counts a cancelled call as cancelled, neither failed nor forgotten (defect 5)", async () => {
  const counted = metrics();
  const target = wrap({
    name: "a",
    process: (_m, call) =>
      new Promise((_, reject) =>
        call!.signal!.addEventListener("abort", () => reject(new Error("wrapped, still cancelled")))
      ),
  }, counted);
  const controller = new AbortController();
  const running = target.process(hello, { signal: controller.signal });
  assert.equal(counted.snapshot().inFlightRequests, 1);
  controller.abort();
  await assert.rejects(running);
  await assert.rejects(target.process(hello, { signal: AbortSignal.abort(new Error("early")) }), {
    message: "early",
  });
  const s = counted.snapshot();
  assert.equal(s.cancelledRequests, 2);
  assert.equal(s.errorRequests, 0);
  assert.equal(s.errorRate, undefined);
  assert.equal(s.inFlightRequests, 0);
  assertBalanced(counted);
});

test("metrics() counts a call that a timeout ended through its signal as timed out", async () => {
  const counted = metrics();
  const target = wrap({
    name: "a",
    process: (_m, call) =>
      new Promise((_, reject) =>
        call!.signal!.addEventListener("abort", () => reject(call!.signal!.reason))
      ),
  }, counted);
  const controller = new AbortController();
  const running = target.process(hello, { signal: controller.signal });
  controller.abort(new TimeoutError("Timed out after 5 ms"));
  await assert.rejects(running, TimeoutError);
  assert.equal(counted.snapshot().timedOutRequests, 1);
});

test("metrics() counts a call as timed out that a timeout ended, whatever the agent made of it", async () => {
  const counted = metrics();
  const stopped = Promise.withResolvers<never>();
  const target = wrap({ name: "a", process: () => stopped.promise }, counted);
  const controller = new AbortController();
  const running = target.process(hello, { signal: controller.signal });
  controller.abort(new TimeoutError("Timed out after 5 ms"));
  stopped.reject(new Error("I was stopped"));
  await assert.rejects(running, /I was stopped/);
  const { timedOutRequests, codes } = counted.snapshot();
  assert.equal(timedOutRequests, 1);
  assert.deepEqual(codes, { deadline_exceeded: 1 });
});

test("metrics() counts streams and chunks afresh after a reset", async () => {
  const counted = metrics();
  const target = wrap(
    agent("a", async function* () {
      yield "one";
    }),
    counted,
  );
  await collect(target.stream(hello));
  counted.reset();
  const { streamRequests, streamChunks, firstChunkMs } = counted.snapshot();
  assert.deepEqual([streamRequests, streamChunks, firstChunkMs.count], [0, 0, 0]);
});

test("metrics() keeps in-flight calls right across a reset (defect 14)", async () => {
  const { clock, counted, target } = setUp(() => clock.sleep(10).then(() => hello));
  await Promise.all([target.process(hello), clock.runAll()]);
  const running = target.process(hello);
  counted.reset();
  const s = counted.snapshot();
  assert.equal(s.totalRequests, 1);
  assert.equal(s.inFlightRequests, 1);
  assert.equal(s.successRequests, 0);
  assert.equal(s.latencyMs.count, 0);
  await clock.runAll();
  await running;
  assert.equal(counted.snapshot().inFlightRequests, 0);
  assert.equal(counted.snapshot().successRequests, 1);
  assertBalanced(counted);
});

test("metrics() counts an agent that throws at once", async () => {
  const counted = metrics();
  const broken = {
    name: "broken",
    process: () => {
      throw new Error("at once");
    },
    stream: () => {
      throw new Error("at once");
    },
  };
  await assert.rejects(counted(broken).process(hello), /at once/);
  await assert.rejects(collect(counted(broken).stream!(hello)), /at once/);
  assert.equal(counted.snapshot().failedRequests, 2);
  assertBalanced(counted);
});

test("metrics() snapshots are plain, frozen and never change", async () => {
  const counted = metrics();
  const target = wrap(agent("a", () => "b"), counted);
  const before = counted.snapshot();
  await target.process(hello);
  assert.equal(before.totalRequests, 0);
  assert.ok(Object.isFrozen(before) && Object.isFrozen(before.codes));
  assert.ok(Object.isFrozen(before.latencyMs));
  assert.equal(Object.getPrototypeOf(before), Object.prototype);
  assert.deepEqual(JSON.parse(JSON.stringify(counted.snapshot())).totalRequests, 1);
});

function slowStream(clock: TestClock, chunks: number) {
  return agent("slow", async function* () {
    for (let i = 0; i < chunks; i++) {
      await clock.sleep(100);
      yield `${i}`;
    }
  });
}

test("metrics() measures a stream to its first chunk and its end, not its consumer (defect 10)", async () => {
  const clock = new TestClock();
  const counted = metrics({ clock });
  const target = wrap(slowStream(clock, 3), counted);
  const reading = (async () => {
    for await (const _ of target.stream(hello)) await clock.sleep(1000);
  })();
  await clock.runAll();
  await reading;
  const s = counted.snapshot();
  assert.equal(s.streamRequests, 1);
  assert.equal(s.streamChunks, 3);
  assert.equal(s.firstChunkMs.p50, 100);
  assert.equal(s.latencyMs.p50, 300);
  assert.equal(s.successRequests, 1);
  assertBalanced(counted);
});

test("metrics() counts a stream that is left early as cancelled, and closes it", async () => {
  let closed = 0;
  const counted = metrics();
  const target = wrap(
    agent("endless", async function* () {
      try {
        for (;;) yield "x";
      } finally {
        closed++;
      }
    }),
    counted,
  );
  for await (const _ of target.stream(hello)) {
    assert.equal(counted.snapshot().inFlightRequests, 1);
    break;
  }
  const stream = target.stream(hello)[Symbol.asyncIterator]();
  await stream.next();
  await assert.rejects(stream.throw!(new Error("consumer failed")));
  assert.equal(closed, 2);
  const s = counted.snapshot();
  assert.equal(s.cancelledRequests, 2);
  assert.equal(s.inFlightRequests, 0);
  assert.equal(s.streamChunks, 2);
  assertBalanced(counted);
});

test("metrics() counts a stream that fails halfway", async () => {
  const counted = metrics();
  const target = wrap(
    agent("half", async function* () {
      yield "1";
      throw new AgenkitError("unavailable", "broke");
    }),
    counted,
  );
  await assert.rejects(collect(target.stream(hello)), /broke/);
  const s = counted.snapshot();
  assert.equal(s.failedRequests, 1);
  assert.equal(s.streamChunks, 1);
  assert.equal(s.firstChunkMs.count, 1);
  assert.deepEqual(s.codes, { unavailable: 1 });
});

test("metrics() does not count a stream that nobody reads", () => {
  const counted = metrics();
  wrap(agent("a", async function* () {}), counted).stream(hello);
  assert.equal(counted.snapshot().totalRequests, 0);
});

test("metrics() counts a thousand concurrent calls", async () => {
  const { clock, counted, target } = setUp(() => clock.sleep(5).then(() => hello));
  const calls = Array.from({ length: 1000 }, () => target.process(hello));
  assert.equal(counted.snapshot().inFlightRequests, 1000);
  await clock.runAll();
  await Promise.all(calls);
  assert.equal(counted.snapshot().successRequests, 1000);
  assertBalanced(counted);
});

test("metrics() counts the agents that one value wraps together", async () => {
  const counted = metrics();
  await wrap(agent("a", () => "x"), counted).process(hello);
  await wrap(agent("b", () => "x"), counted).process(hello);
  assert.equal(counted.snapshot().totalRequests, 2);
});

test("metrics() keeps the agent's name and capabilities, and stream only where there was one", () => {
  const target = metrics()(agent({ name: "a", capabilities: ["x"], process: () => "b" }));
  assert.equal(target.name, "a");
  assert.deepEqual(target.capabilities, ["x"]);
  assert.equal(target.stream, undefined);
  assert.throws(() => metrics()(7 as never), /Cannot apply metrics: expected an agent/);
});

test("Histogram is at most 1.6 % off, from microseconds to hours", () => {
  for (let value = 0.002; value < 1e8; value *= 1.37) {
    const histogram = new Histogram();
    histogram.record(value / 2);
    histogram.record(value);
    histogram.record(value * 2);
    const median = histogram.quantile(0.5)!;
    assert.ok(Math.abs(median - value) / value <= 1 / 64, `${value}: ${median}`);
  }
});

test("Histogram holds any number: tiny, huge, negative, infinite", () => {
  const histogram = new Histogram();
  for (const value of [0, -5, 1e-9, 1e300, Infinity, NaN]) histogram.record(value);
  assert.equal(histogram.count, 6);
  assert.equal(histogram.min, 0);
  assert.equal(histogram.max, Infinity);
  assert.equal(histogram.quantile(0), 0);
  assert.equal(histogram.quantile(1), Infinity);
});
