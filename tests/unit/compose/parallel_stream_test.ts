import assert from "node:assert/strict";
import { test } from "node:test";
import { parallel, quorum } from "../../../src/compose/mod.ts";
import {
  type Agent,
  agent,
  AggregateAgentError,
  collect,
  type Message,
  text,
} from "../../../src/core/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { ask, deafStream, fails, jobs, obedient, rejection, says, streams } from "./support.ts";

const read = async (target: Agent): Promise<string[]> =>
  (await collect(target.stream!(ask))).map(labelled);
const labelled = (chunk: Message) => `${chunk.metadata.parallel_agent}:${text(chunk)}`;

/** A stream whose chunks come at some times on a clock. */
const timed = (clock: TestClock, name: string, times: readonly number[]): Agent =>
  agent(name, async function* (_, call) {
    for (const at of times) {
      await clock.sleep(at - clock.now(), call.signal);
      yield `${at}`;
    }
  });

test("parallel() merges streams, each chunk with its agent's name", async () => {
  const chunks = await collect(parallel([streams("a", ["1"]), says("b")]).stream!(ask));
  assert.deepEqual(chunks.map(labelled).sort(), ["a:1", "b:b"]);
  assert.ok(chunks.every((chunk) => Object.isFrozen(chunk.metadata)));
});

test("parallel() keeps the metadata of chunks beside the tag", async () => {
  const tagged = agent("a", async function* () {
    yield { content: "1", metadata: { k: 1 } };
  });
  const [chunk] = await collect(parallel([tagged]).stream(ask));
  assert.deepEqual(chunk!.metadata, { k: 1, parallel_agent: "a" });
});

test("parallel() merges chunks as they come", async () => {
  const clock = new TestClock();
  const both = parallel([timed(clock, "a", [10, 40]), timed(clock, "b", [20, 30])]);
  const work = read(both);
  await clock.runAll();
  assert.deepEqual(await work, ["a:10", "b:20", "b:30", "a:40"]);
});

test("parallel() gives agents that are always ready a chunk each in turn", async () => {
  const many = (name: string) => streams(name, Array.from({ length: 20 }, (_, i) => `${i}`));
  const names = (await read(parallel([many("a"), many("b"), many("c")])))
    .map((chunk) => chunk[0]);
  for (let i = 0; i < names.length; i += 3) {
    assert.deepEqual(names.slice(i, i + 3).sort(), ["a", "b", "c"]);
  }
});

test("parallel() lets a slow agent in between the chunks of a fast one", async () => {
  const slow = agent("slow", async function* () {
    for (let i = 0; i < 3; i++) {
      for (let job = 0; job < 40; job++) await null;
      yield `${i}`;
    }
  });
  const fast = agent("fast", async function* () {
    for (let i = 0; i < 1000; i++) yield `${i}`;
  });
  const names = (await read(parallel([fast, slow]))).map((chunk) => chunk.split(":")[0]);
  assert.ok(names.lastIndexOf("slow") < 300, `came at ${names.lastIndexOf("slow")}`);
});

test("parallel() reads no agent further than one chunk ahead", async () => {
  const made = { a: 0, b: 0 };
  const eager = (name: "a" | "b") =>
    agent(name, async function* () {
      for (;;) yield `${++made[name]}`;
    });
  const iterator = parallel([eager("a"), eager("b")]).stream(ask)[Symbol.asyncIterator]();
  await iterator.next();
  await jobs();
  assert.deepEqual(made, { a: 1, b: 1 });
  await iterator.next();
  await jobs();
  assert.equal(made.a + made.b, 3);
  await iterator.return?.();
});

test("parallel() cancels every agent when the consumer breaks, and awaits their end", async () => {
  const ended: string[] = [];
  const endless = (name: string) =>
    agent(name, async function* () {
      try {
        for (;;) yield "x";
      } finally {
        await null;
        ended.push(name);
      }
    });
  const waits = obedient("waits");
  for await (const _ of parallel([endless("a"), waits, endless("b")]).stream!(ask)) break;
  assert.deepEqual(ended.sort(), ["a", "b"]);
  assert.equal(waits.ended, 1);
});

test("parallel() is not held up by a stream that ignores its signal when the consumer breaks", async () => {
  const both = parallel([streams("a", ["1", "2"]), deafStream()]);
  for await (const _ of both.stream!(ask)) break;
});

test("parallel() waits graceMs for streams to end after a break, and no longer", async () => {
  const clock = new TestClock();
  const both = parallel([streams("a", ["1"]), deafStream()], { graceMs: 50, clock });
  let over = false;
  const work = (async () => {
    for await (const _ of both.stream!(ask)) break;
    over = true;
  })();
  await jobs();
  await clock.advance(49);
  assert.equal(over, false);
  await clock.advance(1);
  await work;
  assert.equal(clock.pending, 0);
});

test("parallel() rejects at once from its stream when the caller aborts", async () => {
  const controller = new AbortController();
  const waits = obedient("waits");
  const reason = new Error("enough");
  const both = parallel([waits, deafStream()]);
  const work = collect(both.stream!(ask, { signal: controller.signal }));
  await jobs();
  controller.abort(reason);
  assert.equal(await rejection(work), reason);
  assert.deepEqual(waits.reasons, [reason]);
});

test("parallel() hands no chunk on after the caller has aborted", async () => {
  const controller = new AbortController();
  const both = parallel([streams("a", ["1", "2"]), streams("b", ["1", "2"])]);
  const seen: string[] = [];
  const work = (async () => {
    for await (const chunk of both.stream!(ask, { signal: controller.signal })) {
      seen.push(text(chunk));
      controller.abort(new Error("enough"));
    }
  })();
  await assert.rejects(work, /enough/);
  assert.equal(seen.length, 1);
});

test("parallel() with all ends its stream at the first failure and cancels the others", async () => {
  const waits = obedient("waits");
  const cause = new Error("midway");
  const error = await rejection(
    collect(parallel([waits, streams("bad", ["1"], cause)]).stream!(ask)),
  );
  assert.ok(error instanceof AggregateAgentError);
  assert.deepEqual(error.errors, [{ agent: "bad", index: 1, cause }]);
  assert.equal(waits.ended, 1);
});

test("parallel() with any streams the agent whose chunk comes first and cancels the others", async () => {
  const waits = obedient("waits");
  const some = parallel([waits, fails("bad"), streams("good", ["1", "2"])], { policy: "any" });
  const chunks = await collect(some.stream!(ask));
  assert.deepEqual(chunks.slice(0, 2).map(labelled), ["good:1", "good:2"]);
  assert.equal(waits.ended, 1);
});

test("parallel() with any passes on a failure after the first chunk", async () => {
  const cause = new Error("midway");
  const some = parallel([streams("a", ["1"], cause), obedient("b")], { policy: "any" });
  const error = await rejection(collect(some.stream!(ask)));
  assert.ok(error instanceof AggregateAgentError);
  assert.equal(error.errors[0]!.cause, cause);
});

test("parallel() with a quorum streams that many agents", async () => {
  const waits = obedient("waits");
  const some = parallel([waits, streams("b", ["1", "2"]), says("c")], { policy: quorum(2) });
  assert.deepEqual((await read(some)).sort(), ["b:1", "b:2", "c:c"]);
  assert.equal(waits.ended, 1);
});

test("parallel() with a quorum rejects from its stream when too few are left", async () => {
  const some = parallel([fails("a"), streams("b", []), fails("c")], { policy: quorum(2) });
  const error = await rejection(collect(some.stream!(ask)));
  assert.ok(error instanceof AggregateAgentError);
  assert.deepEqual(error.errors.map(({ index }) => index), [0, 2]);
});

test("parallel() with settled streams what comes and ends with a chunk that lists the failures", async () => {
  const all = parallel([fails("a"), streams("b", ["1"], new Error("x")), says("c")], {
    policy: "settled",
  });
  const chunks = await collect(all.stream!(ask));
  assert.deepEqual(chunks.slice(0, -1).map(labelled).sort(), ["b:1", "c:c"]);
  const last = chunks.at(-1)!;
  assert.equal(last.content, "");
  assert.deepEqual(last.metadata, {
    parallel_failures: [
      { agent: "a", index: 0, code: "unknown" },
      { agent: "b", index: 1, code: "unknown" },
    ],
  });
});

test("parallel() with settled rejects from its stream when all fail", async () => {
  const all = parallel([fails("b"), streams("a", ["1"], new Error("x"))], { policy: "settled" });
  const error = await rejection(collect(all.stream!(ask)));
  assert.ok(error instanceof AggregateAgentError);
  assert.deepEqual(error.errors.map(({ agent }) => agent), ["b", "a"]);
});

test("parallel() reads at most so many streams at a time", async () => {
  let open = 0;
  let most = 0;
  const stream = (name: string) =>
    agent(name, async function* () {
      most = Math.max(most, ++open);
      yield "1";
      yield "2";
      open--;
    });
  const four = parallel(["a", "b", "c", "d"].map(stream), { concurrency: 2 });
  assert.equal((await read(four)).length, 8);
  assert.equal(most, 2);
});

test("parallel() takes chunks that are no messages, and streams that are none, for failures", async () => {
  let closed = false;
  const odd: Agent = {
    name: "odd",
    process: (m) => Promise.resolve(m),
    stream: async function* () {
      try {
        yield 7 as never;
      } finally {
        closed = true;
      }
    },
  };
  const none: Agent = { ...odd, name: "none", stream: () => undefined as never };
  const chunks = await collect(
    parallel([odd, none, says("c")], { policy: "settled" }).stream!(ask),
  );
  assert.deepEqual((chunks.at(-1)!.metadata.parallel_failures as unknown[]).length, 2);
  await jobs();
  assert.equal(closed, true);
});

test("parallel() starts nothing before its stream is read", async () => {
  const waits = obedient();
  parallel([waits]).stream!(ask);
  await jobs();
  assert.equal(waits.begun, 0);
});

test("parallel() streams exactly when one of its agents does", () => {
  assert.equal("stream" in parallel([says("a"), says("b")]), false);
  assert.notEqual(parallel([says("a"), streams("b", [])]).stream, undefined);
});

test("parallel() opens no stream that is not needed any more", async () => {
  const late = obedient("late");
  const some = parallel([streams("a", ["1"]), late], { policy: "any", concurrency: 1 });
  assert.deepEqual(await read(some), ["a:1"]);
  await jobs();
  assert.equal(late.begun, 0);
});

test("parallel() lists failures in the order of the agents, not in that in which they came", async () => {
  const clock = new TestClock();
  const failing = (name: string, ms: number) =>
    agent(name, async function* () {
      yield "x";
      await clock.sleep(ms);
      throw new Error(name);
    });
  const all = parallel([failing("a", 20), failing("b", 10)], { policy: "settled" });
  const work = rejection(collect(all.stream(ask)));
  await clock.runAll();
  const { errors } = await work as AggregateAgentError;
  assert.deepEqual(errors.map(({ agent }) => agent), ["a", "b"]);
});

test("parallel() awaits a stream that only its signal can end", async () => {
  const waits = obedient("waits");
  const endless: Agent = {
    name: "endless",
    process: (m) => Promise.resolve(m),
    // An iterator without return().
    stream: (m, call) => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ value: await waits.process(m, call), done: false }),
      }),
    }),
  };
  for await (const _ of parallel([streams("a", ["1", "2"]), endless]).stream!(ask)) break;
  assert.equal(waits.ended, 1);
});

test("parallel() does not tell a stream to end that has failed", async () => {
  let told = 0;
  const source: AsyncIterableIterator<Message> = {
    next: () => Promise.reject(new Error("broke")),
    return: () => {
      told++;
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]: () => source,
  };
  const broken = { name: "broken", process: () => Promise.resolve(ask), stream: () => source };
  await assert.rejects(collect(parallel([broken, streams("b", ["x"])]).stream!(ask)), /broke/);
  assert.equal(told, 0);
});

test("parallel() rejects from its stream when an agent aborts the call as it is asked", async () => {
  const controller = new AbortController();
  const leaving = {
    ...deafStream("leaving"),
    process: () => Promise.resolve(ask),
    stream: () => {
      controller.abort(new Error("enough"));
      return deafStream().stream!(ask);
    },
  };
  const work = collect(parallel([leaving]).stream!(ask, { signal: controller.signal }));
  await assert.rejects(work, /enough/);
});
