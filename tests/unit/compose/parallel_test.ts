import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentResult, failurePath, parallel, quorum } from "../../../src/compose/mod.ts";
import {
  AgenkitError,
  type Agent,
  agent,
  AggregateAgentError,
  type Message,
  message,
  RateLimitError,
  text,
} from "../../../src/core/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { ask, counter, deaf, fails, jobs, obedient, rejection, says, stateOf } from "./support.ts";

/** An agent that answers after some time on a clock, unless it is cancelled. */
const after = (clock: TestClock, ms: number, name: string): Agent =>
  agent(name, async (_, call) => {
    await clock.sleep(ms, call.signal);
    return name;
  });

const statuses = (results: readonly AgentResult[]) => results.map(({ status }) => status);

test("parallel() answers with a labelled line for each agent, in the order of the agents", async () => {
  const clock = new TestClock();
  const work = parallel([after(clock, 30, "a"), after(clock, 10, "b"), after(clock, 20, "c")])
    .process(ask);
  await clock.advance(30);
  const answer = await work;
  assert.equal(answer.content, "[a]: a\n[b]: b\n[c]: c");
  assert.equal(answer.role, "agent");
  assert.deepEqual(answer.metadata, {});
});

test("parallel() prefixes the metadata of each agent with its name", async () => {
  const tagged = (name: string) =>
    agent(name, () => ({ content: "", metadata: { k: name, deep: [{}] } }));
  const answer = await parallel([tagged("a"), tagged("b"), says("c")]).process(ask);
  assert.deepEqual(answer.metadata, { "a.k": "a", "a.deep": [{}], "b.k": "b", "b.deep": [{}] });
  assert.ok(Object.isFrozen(answer) && Object.isFrozen(answer.metadata));
});

test("parallel() keeps apart what agents of dangerous names and keys say", async () => {
  const odd = agent("__proto__", () => ({ content: "x", metadata: { constructor: 1 } }));
  const answer = await parallel([odd]).process(ask);
  assert.deepEqual(answer.metadata, { "__proto__.constructor": 1 });
  assert.equal(({} as Record<string, unknown>)["constructor"], Object);
});

test("parallel() writes content that is no text as JSON", async () => {
  const json = agent("json", () => ({ content: { a: 1 } }));
  assert.equal((await parallel([json]).process(ask)).content, '[json]: {"a":1}');
});

test("parallel() gives every agent the same immutable message", async () => {
  const seen: Message[] = [];
  const look = (name: string) =>
    agent(name, (m) => {
      seen.push(m);
      return "";
    });
  await parallel([look("a"), look("b")]).process(ask);
  assert.deepEqual(seen, [ask, ask]);
  assert.ok(seen.every((m) => m === ask));
});

test("parallel() with all rejects at the first failure, and cancels and awaits the losers", async () => {
  const loser = obedient("loser");
  const cause = new RateLimitError("full");
  const error = await rejection(parallel([loser, fails("bad", cause)]).process(ask));
  assert.ok(error instanceof AggregateAgentError);
  assert.deepEqual(error.errors, [{ agent: "bad", index: 1, cause }]);
  assert.equal(error.code, "resource_exhausted");
  assert.equal(error.cause, cause);
  assert.equal(error.message, "Parallel execution had errors: bad: full");
  assert.equal(loser.reasons.length, 1);
  assert.equal((loser.reasons[0] as Error).name, "AbortError");
  assert.equal(loser.ended, 1);
});

test("parallel() with any answers with the first answer, and cancels and awaits the losers", async () => {
  const loser = obedient("loser");
  const some = parallel([loser, fails("bad"), says("good")], { policy: "any" });
  const answer = await some.process(ask);
  assert.equal(answer.content, "[good]: good");
  assert.equal(loser.ended, 1);
});

test("parallel() with any rejects with every error when all fail", async () => {
  const some = parallel([fails("a", new Error("x")), fails("b", new Error("y"))], {
    policy: "any",
    name: "some",
  });
  const error = await rejection(some.process(ask));
  assert.ok(error instanceof AggregateAgentError);
  assert.deepEqual(error.errors.map(({ agent, index }) => [agent, index]), [["a", 0], ["b", 1]]);
  assert.equal(
    error.message,
    "Parallel execution had errors (1 of 2 agents had to answer): a: x; b: y",
  );
});

test("parallel() with settled waits for all and lists failures by agent and code", async () => {
  const gone = new AgenkitError("unavailable", "secret host is gone");
  const all = parallel([fails("a"), says("b"), fails("c", gone)], { policy: "settled" });
  const answer = await all.process(ask);
  assert.equal(answer.content, "[b]: b");
  assert.deepEqual(answer.metadata, {
    parallel_failures: [
      { agent: "a", index: 0, code: "unknown" },
      { agent: "c", index: 2, code: "unavailable" },
    ],
  });
});

test("parallel() with settled rejects when all fail, unless the aggregate makes something of it", async () => {
  const agents = [fails("a"), fails("b")];
  const error = await rejection(parallel(agents, { policy: "settled" }).process(ask));
  assert.ok(error instanceof AggregateAgentError);
  assert.equal(error.errors.length, 2);
  assert.match(error.message, /^Parallel execution had errors: a: a broke; b: b broke$/);
  const aggregate = (results: readonly AgentResult[]) => statuses(results).join();
  const answer = await parallel(agents, { policy: "settled", aggregate }).process(ask);
  assert.equal(text(answer), "failed,failed");
});

test("parallel() with a quorum answers with that many, and cancels and awaits the losers", async () => {
  const loser = obedient("loser");
  const vote = parallel([says("a"), fails("b"), loser, says("d")], { policy: quorum(2) });
  const answer = await vote.process(ask);
  assert.equal(answer.content, "[a]: a\n[d]: d");
  assert.equal(loser.ended, 1);
});

test("parallel() with a quorum rejects as soon as too few are left", async () => {
  const loser = obedient("loser");
  const vote = parallel([fails("a"), fails("b"), loser], { policy: quorum(2) });
  const error = await rejection(vote.process(ask));
  assert.ok(error instanceof AggregateAgentError);
  assert.deepEqual(error.errors.map(({ index }) => index), [0, 1]);
  assert.equal(loser.ended, 1);
});

test("parallel() gives aggregate a result for each agent, in their order, with causes", async () => {
  const cause = new RangeError("out");
  let seen: readonly AgentResult[] = [];
  const one = says("b");
  const some = parallel([fails("a", cause), one, obedient("c")], {
    policy: "any",
    aggregate: (results, request, call) => {
      seen = results;
      assert.equal(request, ask);
      assert.equal(call, undefined);
      return { content: { ok: true }, metadata: { n: results.length } };
    },
  });
  const answer = await some.process(ask);
  assert.deepEqual(answer.content, { ok: true });
  assert.deepEqual(answer.metadata, { n: 3 });
  assert.deepEqual(statuses(seen), ["failed", "answered", "cancelled"]);
  assert.deepEqual(seen.map(({ agent, index }) => [agent, index]), [["a", 0], ["b", 1], ["c", 2]]);
  assert.ok(seen[0]?.status === "failed" && seen[0].cause === cause);
  assert.ok(seen[1]?.status === "answered" && seen[1].message.content === "b");
});

test("parallel() waits for an asynchronous aggregate, and passes on what it throws", async () => {
  const judge = says("judge", "verdict");
  const judged = parallel([says("a")], {
    aggregate: (_, request, call) => judge.process(request, call),
  });
  assert.equal(text(await judged.process(ask)), "verdict");
  const error = new Error("no verdict");
  const bad = parallel([says("a")], {
    aggregate: () => {
      throw error;
    },
  });
  assert.equal(await rejection(bad.process(ask)), error);
});

test("parallel() aggregates nothing once the caller has aborted", async () => {
  const controller = new AbortController();
  const leaving = agent("leaving", () => {
    controller.abort(new Error("enough"));
    return "answered all the same";
  });
  let aggregated = 0;
  const work = parallel([leaving], { aggregate: () => `${++aggregated}` })
    .process(ask, { signal: controller.signal });
  await assert.rejects(work, /enough/);
  await jobs();
  assert.equal(aggregated, 0);
});

test("parallel() returns from an aggregate that hangs when the caller aborts", async () => {
  const controller = new AbortController();
  const hang = parallel([says("a")], { aggregate: () => new Promise<string>(() => {}) });
  const work = hang.process(ask, { signal: controller.signal });
  await jobs();
  controller.abort(new Error("enough"));
  await assert.rejects(work, /enough/);
});

test("parallel() runs at most so many agents at a time", async () => {
  const clock = new TestClock();
  let running = 0;
  let most = 0;
  const agents = Array.from({ length: 7 }, (_, i) =>
    agent(`${i}`, async (_, call) => {
      most = Math.max(most, ++running);
      await clock.sleep(10 + i, call.signal);
      running--;
      return "";
    }));
  const work = parallel(agents, { concurrency: 3 }).process(ask);
  await clock.runAll();
  assert.equal(text(await work).split("\n").length, 7);
  assert.equal(most, 3);
});

test("parallel() does not start agents that are not needed any more", async () => {
  const late = obedient("late");
  const some = parallel([says("a"), late], { policy: "any", concurrency: 1 });
  await some.process(ask);
  await jobs();
  assert.equal(late.begun, 0);
  const failing = parallel([fails("a"), late], { concurrency: 1 });
  await rejection(failing.process(ask));
  assert.equal(late.begun, 0);
});

test("parallel() starts no further agents once the caller has aborted", async () => {
  for (const concurrency of [1, 2]) {
    const controller = new AbortController();
    const late = counter("late");
    const aborts = agent("aborts", () => {
      controller.abort(new Error("enough"));
      return "x";
    });
    const work = parallel([aborts, late], { concurrency });
    await assert.rejects(work.process(ask, { signal: controller.signal }), /enough/);
    await jobs();
    assert.equal(late.calls, 0);
  }
});

test("parallel() is not held up by a loser that ignores its signal, and drops what becomes of it", async () => {
  const late = Promise.withResolvers<string>();
  const stubborn = agent("stubborn", () => late.promise);
  const some = parallel([stubborn, says("good")], { policy: "any" });
  assert.equal((await some.process(ask)).content, "[good]: good");
  late.reject(new Error("nobody listens"));
  await jobs();
});

test("parallel() waits graceMs for losers that take time to end, and no longer", async () => {
  const clock = new TestClock();
  const slow = (ms: number) =>
    agent("slow", async (_, call) => {
      await new Promise((resolve) => call.signal!.addEventListener("abort", resolve));
      await clock.sleep(ms);
      return "late";
    });
  const quick = parallel([slow(30), says("good")], { policy: "any", graceMs: 100, clock });
  const first = quick.process(ask);
  await jobs();
  await jobs();
  await clock.advance(29);
  assert.equal(await stateOf(first), "pending");
  await clock.advance(1);
  assert.equal((await first).content, "[good]: good");
  assert.equal(clock.pending, 0);

  const never = parallel([deaf(), says("good")], { policy: "any", graceMs: 100, clock });
  const second = never.process(ask);
  await jobs();
  await clock.advance(99);
  assert.equal(await stateOf(second), "pending");
  await clock.advance(1);
  assert.equal((await second).content, "[good]: good");
  assert.equal(clock.pending, 0);
});

test("parallel() leaves no timer behind when the caller aborts during graceMs", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const work = parallel([deaf(), says("good")], { policy: "any", graceMs: 100, clock })
    .process(ask, { signal: controller.signal });
  await jobs();
  assert.equal(clock.pending, 1);
  controller.abort(new Error("enough"));
  await assert.rejects(work, /enough/);
  await jobs();
  assert.equal(clock.pending, 0);
});

test("parallel() cancels nobody when all have ended", async () => {
  const signals: AbortSignal[] = [];
  const keeps = (name: string) =>
    agent(name, (_, call) => {
      signals.push(call.signal!);
      return "";
    });
  for (const policy of ["all", "settled", quorum(2)] as const) {
    await parallel([keeps("a"), keeps("b")], { policy }).process(ask);
  }
  assert.equal(signals.length, 6);
  assert.ok(signals.every(({ aborted }) => !aborted));
});

test("parallel() takes an agent that throws at once, or answers nonsense, for a failed one", async () => {
  const throwing = {
    name: "throwing",
    process: () => {
      throw new Error("at once");
    },
  };
  const odd = { name: "odd", process: () => Promise.resolve(7 as never) };
  const prompt = { name: "prompt", process: () => message("agent", "now") as never };
  const answer = await parallel([throwing, odd, prompt], { policy: "settled" }).process(ask);
  assert.equal(answer.content, "[prompt]: now");
  assert.equal((answer.metadata.parallel_failures as unknown[]).length, 2);
});

test("parallel() keeps the place of failures within its agents", async () => {
  const inner = parallel([fails("bad")], { name: "inner" });
  const error = await rejection(parallel([inner, says("x")], { name: "outer" }).process(ask));
  const nested = (error as AggregateAgentError).errors[0]!.cause as AggregateAgentError;
  assert.equal((error as AggregateAgentError).errors[0]!.agent, "inner");
  assert.equal(nested.errors[0]!.agent, "bad");
  assert.deepEqual(failurePath(error), []);
});

test("parallel() of agents that all have to answer can be tried again only when all can", async () => {
  const final = new AgenkitError("invalid_argument", "no");
  const error = await rejection(parallel([fails("a", final)]).process(ask));
  assert.equal((error as AgenkitError).retryable, false);
});

test("quorum() and parallel() refuse numbers that make no sense", () => {
  for (const n of [0, -1, 1.5, NaN, Infinity, "2"]) {
    assert.throws(() => quorum(n as number), RangeError);
  }
  const agents = [says("a"), says("b")];
  assert.throws(() => parallel(agents, { policy: quorum(3) }), {
    name: "RangeError",
    message: /integer from 1 to 2.*current value is 3/,
  });
  assert.throws(() => parallel(agents, { policy: { quorum: NaN } }), RangeError);
  for (const concurrency of [0, -1, 1.5, NaN]) {
    assert.throws(() => parallel(agents, { concurrency }), /'concurrency'/);
  }
  for (const graceMs of [-1, NaN, Infinity]) {
    assert.throws(() => parallel(agents, { graceMs }), /'graceMs'/);
  }
});

test("parallel() refuses bad options, naming option, rule and value", () => {
  const agents = [says("a")];
  for (const policy of ["most", null, 1, {}]) {
    assert.throws(() => parallel(agents, { policy: policy as never }), {
      name: "TypeError",
      message: /'policy' must be "all", "any", "settled" or quorum\(n\)/,
    });
  }
  assert.throws(
    () => parallel(agents, { aggregate: "join" as never }),
    /'aggregate' must be a fun/,
  );
});

test("parallel() refuses two agents of one name", () => {
  assert.throws(() => parallel([says("a"), says("b"), says("a")]), {
    name: "TypeError",
    message: /name of its own, got "a" for agents 0 and 2/,
  });
});
