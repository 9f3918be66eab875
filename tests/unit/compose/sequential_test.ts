import assert from "node:assert/strict";
import { test } from "node:test";
import { failurePath, sequential } from "../../../src/compose/mod.ts";
import {
  AgenkitError,
  agent,
  collect,
  message,
  RateLimitError,
  text,
} from "../../../src/core/mod.ts";
import { ask, counter, deaf, fails, jobs, obedient, rejection, says, streams } from "./support.ts";

const append = (letter: string) => agent(letter, (m) => text(m) + letter);

test("sequential() hands each answer to the next step, in order", async () => {
  const abc = sequential([append("a"), append("b"), append("c")]);
  assert.equal(text(await abc.process(message("user", ">"))), ">abc");
});

test("sequential() of one agent answers as that agent", async () => {
  const answer = message("agent", "x", { k: 1 });
  assert.equal(await sequential([agent("one", () => answer)]).process(ask), answer);
});

test("sequential() adds no metadata of its own and leaves that of the last step", async () => {
  const tag = agent("tag", () => ({ content: "x", metadata: { a: 1 } }));
  assert.deepEqual((await sequential([says("first"), tag]).process(ask)).metadata, { a: 1 });
});

test("sequential() stops at the step that fails", async () => {
  let reached = false;
  const last = agent("last", () => {
    reached = true;
    return "";
  });
  await assert.rejects(sequential([fails("bad"), last]).process(ask), /bad broke/);
  assert.equal(reached, false);
});

test("sequential() passes on the very error of a step: type, code and retry hints are not erased", async () => {
  for (
    const error of [
      new RateLimitError("slow down", { retryAfterMs: 70 }),
      new RangeError("out"),
      Object.freeze(new Error("frozen")),
      "a string",
      null,
    ]
  ) {
    assert.equal(await rejection(sequential([says("a"), fails("b", error)]).process(ask)), error);
  }
});

test("sequential() tells by failurePath() which step failed, through nested sequences", async () => {
  const inner = sequential([says("x"), fails("bad")], { name: "inner" });
  const outer = sequential([inner, says("y")], { name: "outer" });
  const error = await rejection(outer.process(ask));
  assert.deepEqual(failurePath(error), [
    { composition: "outer", agent: "inner", at: 0 },
    { composition: "inner", agent: "bad", at: 1 },
  ]);
});

test("sequential() fails when a step answers with what is no message", async () => {
  const odd = { name: "odd", process: () => Promise.resolve(undefined as never) };
  const error = await rejection(sequential([odd, says("b")]).process(ask));
  assert.ok(error instanceof TypeError);
  assert.match(error.message, /'odd'.*undefined/);
  assert.equal(failurePath(error)[0]?.agent, "odd");
});

test("sequential() takes a step that throws at once, or answers at once, like any other", async () => {
  const throwing = {
    name: "throwing",
    process: () => {
      throw new Error("at once");
    },
  };
  const prompt = { name: "prompt", process: () => message("agent", "now") as never };
  await assert.rejects(sequential([throwing]).process(ask), /at once/);
  assert.equal(text(await sequential([prompt]).process(ask)), "now");
});

test("sequential() starts no further step once the caller has aborted", async () => {
  const controller = new AbortController();
  const aborts = agent("aborts", () => {
    controller.abort(new Error("enough"));
    return "done";
  });
  const last = counter();
  const work = sequential([aborts, last]).process(ask, { signal: controller.signal });
  await assert.rejects(work, /enough/);
  await jobs();
  assert.equal(last.calls, 0);
});

test("sequential() that was aborted does not blame a step", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const work = sequential([obedient()]).process(ask, { signal: controller.signal });
  controller.abort(reason);
  assert.equal(await rejection(work), reason);
  await jobs();
  assert.deepEqual(failurePath(reason), []);
});

test("sequential() streams exactly when its last step does", () => {
  assert.notEqual(sequential([says("a"), streams("b", [])]).stream, undefined);
  assert.equal(sequential([streams("a", []), says("b")]).stream, undefined);
  assert.equal("stream" in sequential([says("a")]), false);
});

test("sequential() streams the last step after the earlier ones have run to completion", async () => {
  const log: string[] = [];
  const first = agent("first", async function* () {
    log.push("1a");
    yield "1";
    log.push("1b");
    yield "2";
    log.push("1c");
  });
  const last = agent("last", async function* (m) {
    log.push("2");
    yield text(m);
    yield "!";
  });
  const chunks = await collect(sequential([first, last]).stream(ask));
  assert.deepEqual(chunks.map(text), ["12", "!"]);
  assert.deepEqual(log, ["1a", "1b", "1c", "2"]);
});

test("sequential() starts nothing before its stream is read", async () => {
  const step = obedient();
  sequential([step, streams("s", ["x"])]).stream!(ask);
  await null;
  assert.equal(step.begun, 0);
});

test("sequential() passes on a step's error from its stream", async () => {
  const error = new AgenkitError("unavailable", "gone");
  const early = sequential([fails("bad", error), streams("s", ["x"])]);
  assert.equal(await rejection(collect(early.stream!(ask))), error);
  const late = sequential([says("ok"), streams("s", ["x"], error)], { name: "late" });
  assert.equal(await rejection(collect(late.stream!(ask))), error);
  assert.deepEqual(failurePath(error)[0], { composition: "late", agent: "s", at: 1 });
});

test("sequential() cancels the last step's stream when the consumer breaks", async () => {
  let ended = false;
  const endless = agent("endless", async function* () {
    try {
      for (;;) yield "x";
    } finally {
      ended = true;
    }
  });
  for await (const _ of sequential([says("a"), endless]).stream(ask)) break;
  assert.equal(ended, true);
});

test("sequential() asks its last step for a chunk only when one is wanted", async () => {
  let made = 0;
  const eager = agent("eager", async function* () {
    for (;;) yield `${++made}`;
  });
  const iterator = sequential([says("a"), eager]).stream(ask)[Symbol.asyncIterator]();
  await iterator.next();
  for (let i = 0; i < 50; i++) await null;
  assert.equal(made, 1);
  await iterator.return?.();
});

test("sequential() returns from a stream whose earlier step ignores the signal", async () => {
  const controller = new AbortController();
  const stream = sequential([deaf(), streams("s", ["x"])]).stream!(ask, {
    signal: controller.signal,
  });
  const work = collect(stream);
  controller.abort(new Error("enough"));
  await assert.rejects(work, /enough/);
});
