import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  type Agent,
  agent,
  CircuitOpenError,
  collect,
  type Message,
  message,
  text,
  TimeoutError,
  wrap,
} from "../../../src/core/mod.ts";
import { fallback, parallel } from "../../../src/compose/mod.ts";
import { circuitBreaker, metrics, retry, timeout } from "../../../src/middleware/mod.ts";
import {
  chaos,
  everyNth,
  type Fault,
  inTurn,
  seededRandom,
  sometimes,
  TestClock,
} from "../../../src/testing/mod.ts";

const ask = message("user", "hi");
const down = { error: new AgenkitError("unavailable", "connection refused") };
const echo = agent("echo", (m) => text(m));
const counting = agent("counting", async function* () {
  for (let i = 1; i <= 5; i++) yield `${i}`;
});

/** The chunks that come, and the error that ends them. */
async function read(stream: AsyncIterable<Message>): Promise<[string, unknown]> {
  let seen = "";
  try {
    for await (const chunk of stream) seen += text(chunk);
    return [seen, undefined];
  } catch (error) {
    return [seen, error];
  }
}

/** Whether a promise has settled, after all that is ready has run. */
async function settled(work: Promise<unknown>): Promise<boolean> {
  let done = false;
  work.then(() => done = true, () => done = true);
  for (let i = 0; i < 100; i++) await null;
  return done;
}

test("chaos() lets calls without a fault through, and keeps name, capabilities and stream", async () => {
  const able = agent({ name: "able", capabilities: ["x"], process: () => "yes" });
  const calm = chaos(able, () => undefined);
  assert.equal(text(await calm.process(ask)), "yes");
  assert.equal(calm.name, "able");
  assert.deepEqual(calm.capabilities, ["x"]);
  assert.equal(calm.stream, undefined);
  assert.equal((await collect(chaos(counting, () => undefined).stream(ask))).length, 5);
});

test("chaos() fails the calls that the plan names, with the very error", async () => {
  const flaky = chaos(echo, inTurn([down, undefined, down]));
  await assert.rejects(flaky.process(ask), (error) => error === down.error);
  assert.equal(text(await flaky.process(ask)), "hi");
  await assert.rejects(flaky.process(ask));
  assert.equal(text(await flaky.process(ask)), "hi");
  assert.deepEqual([flaky.calls, flaky.faults, flaky.running], [4, 2, 0]);
});

test("chaos() holds calls up on its clock", async () => {
  const clock = new TestClock();
  const slow = chaos(echo, everyNth(2, { delayMs: 100 }), { clock });
  assert.equal(text(await slow.process(ask)), "hi");
  const work = slow.process(ask);
  await clock.advance(99);
  assert.equal(await settled(work), false);
  assert.equal(slow.running, 1);
  await clock.advance(1);
  assert.equal(text(await work), "hi");
});

test("chaos() hangs until the call is aborted, and longer when it is deaf", async () => {
  for (const deaf of [false, true]) {
    for (const fault of [{ hang: true, deaf }, { delayMs: 1000, deaf }]) {
      const clock = new TestClock();
      const stuck = chaos(echo, everyNth(1, fault), { clock });
      const controller = new AbortController();
      const work = stuck.process(ask, { signal: controller.signal });
      assert.equal(await settled(work), false);
      controller.abort(new Error("enough"));
      assert.equal(await settled(work), !deaf);
      if (!deaf) await assert.rejects(work, /enough/);
    }
  }
});

test("chaos() rejects a call that was aborted before with the signal's reason", async () => {
  const call = { signal: AbortSignal.abort(new Error("before")) };
  await assert.rejects(chaos(echo, everyNth(1, down)).process(ask, call), /before/);
});

test("chaos() breaks streams after so many chunks", async () => {
  for (const afterChunks of [0, 3, 5]) {
    const broken = chaos(counting, everyNth(1, { ...down, afterChunks }));
    assert.deepEqual(await read(broken.stream(ask)), ["12345".slice(0, afterChunks), down.error]);
  }
  const late = chaos(counting, everyNth(1, { ...down, afterChunks: 6 }));
  assert.deepEqual(await read(late.stream(ask)), ["12345", undefined]);
});

test("chaos() holds chunks up, and counts streams that were left as ended", async () => {
  const clock = new TestClock();
  const slow = chaos(counting, everyNth(1, { delayMs: 10, chunkDelayMs: 20 }), { clock });
  const times: number[] = [];
  const reading = (async () => {
    for await (const _ of slow.stream(ask)) {
      times.push(clock.now());
      if (times.length === 3) break;
    }
  })();
  await clock.runAll();
  await reading;
  assert.deepEqual(times, [10, 30, 50]);
  assert.deepEqual([slow.calls, slow.running, clock.pending], [1, 0, 0]);
});

test("chaos() tells how many calls ran at the same time", async () => {
  const clock = new TestClock();
  const busy = chaos(echo, everyNth(1, { delayMs: 10 }), { clock });
  const work = Promise.all([busy.process(ask), busy.process(ask), busy.process(ask)]);
  assert.equal(busy.running, 3);
  await clock.runAll();
  await work;
  await Promise.all([busy.process(ask), clock.runAll()]);
  assert.deepEqual([busy.running, busy.mostRunning], [0, 3]);
});

test("chaos() refuses what is no agent, no plan and no fault", async () => {
  assert.throws(() => chaos({} as Agent, () => undefined), /expected an agent/);
  assert.throws(() => chaos(echo, down as never), /'plan' must be a function/);
  assert.throws(() => chaos(echo, () => undefined, null as never), /an object of options/);
  assert.throws(() => inTurn(down as never), /expected a list of faults/);
  const bad: [unknown, RegExp][] = [
    [5, /expected an object, got 5/],
    [{ delayMs: -1 }, /'delayMs' must be a non-negative number/],
    [{ chunkDelayMs: Infinity }, /'chunkDelayMs' must be/],
    [{ afterChunks: 1.5 }, /'afterChunks' must be/],
  ];
  for (const [fault, pattern] of bad) {
    assert.throws(() => everyNth(1, fault as Fault), pattern);
    assert.throws(() => inTurn([fault as Fault]), pattern);
    const wild = chaos(echo, () => fault as Fault);
    await assert.rejects(wild.process(ask), pattern);
    assert.equal(wild.running, 0);
  }
  assert.throws(() => everyNth(0, down), /'n' must be a positive integer/);
  assert.throws(() => sometimes(1.1, down, Math.random), /'probability' must be/);
  assert.throws(() => sometimes(0.5, down, 0.5 as never), /'random' must be a function/);
});

test("sometimes() and seededRandom() give the same chaos for the same seed", async () => {
  const outcomes = async (seed: number) => {
    const wild = chaos(echo, sometimes(0.3, down, seededRandom(seed)));
    let line = "";
    for (let i = 0; i < 200; i++) {
      line += await wild.process(ask).then(() => "o", () => "x");
    }
    return line;
  };
  const first = await outcomes(7);
  assert.equal(await outcomes(7), first);
  assert.notEqual(await outcomes(8), first);
  const failures = first.split("x").length - 1;
  assert.ok(failures > 40 && failures < 80, `${failures} of 200`);
  assert.throws(() => seededRandom(0.5), RangeError);
});

test("seededRandom() gives numbers from 0 up to, but without, 1, spread evenly", () => {
  const random = seededRandom(-1);
  const buckets = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const number = random();
    assert.ok(number >= 0 && number < 1);
    buckets[Math.floor(number * 10)]!++;
  }
  assert.ok(buckets.every((count) => count > 850 && count < 1150), buckets.join());
});

test("a stack of retry, breaker and timeout stands chaos as it should", async () => {
  const clock = new TestClock();
  const random = seededRandom(1);
  const faults: Fault[] = [down, { hang: true, deaf: true }, { delayMs: 5000 }];
  const plan = sometimes(0.4, {}, random);
  const wild = chaos(echo, (n) => plan(n) && faults[n % faults.length], { clock });
  const breaker = circuitBreaker({ clock });
  const seen = metrics({ clock });
  const stack = wrap(
    wild,
    seen,
    retry({ clock, random, maxAttempts: 4 }),
    breaker,
    timeout({ totalMs: 100, clock }),
  );
  let answered = 0;
  for (let i = 0; i < 100; i++) {
    const work = stack.process(ask).then(() => answered++, (error) => {
      assert.ok(
        error === down.error || error instanceof TimeoutError || error instanceof CircuitOpenError,
      );
    });
    await clock.runAll();
    await work;
    await clock.advance(1000);
  }
  assert.ok(answered > 80, `${answered} of 100`);
  assert.equal(clock.pending, 0);
});

test("compositions outlive agents that hang, break and do not listen", async () => {
  const named = (name: string) => agent(name, () => `${name} answers`);
  const deaf = chaos(named("deaf"), everyNth(1, { hang: true, deaf: true }));
  const race = parallel([chaos(named("down"), everyNth(1, down)), deaf, named("fine")], {
    policy: "any",
  });
  assert.equal(text(await race.process(ask)), "[fine]: fine answers");
  const spare = fallback([chaos(counting, everyNth(1, down)), counting]);
  assert.equal((await collect(spare.stream(ask))).length, 5);
});
