import assert from "node:assert/strict";
import { test } from "node:test";
import { failurePath, fallback } from "../../../src/compose/mod.ts";
import {
  AgenkitError,
  agent,
  AggregateAgentError,
  CircuitOpenError,
  collect,
  message,
  RateLimitError,
  text,
} from "../../../src/core/mod.ts";
import { ask, deafStream, fails, obedient, rejection, says, streams } from "./support.ts";

test("fallback() answers with the first agent that works and asks no other", async () => {
  let asked = 0;
  const spare = agent("spare", () => {
    asked++;
    return "";
  });
  const answer = await fallback([fails("a"), says("b"), spare]).process(ask);
  assert.equal(text(answer), "b");
  assert.equal(asked, 0);
});

test("fallback() writes who answered and at which attempt", async () => {
  const first = await fallback([says("a"), says("b")]).process(ask);
  assert.deepEqual(first.metadata, { fallback_agent_used: "a", fallback_attempt: 1 });
  const second = await fallback([fails("a"), says("b")]).process(ask);
  assert.deepEqual(second.metadata, { fallback_agent_used: "b", fallback_attempt: 2 });
});

test("fallback() writes on a new message, not into the one that the agent returned", async () => {
  const echo = agent("echo", (m) => m);
  const request = message("user", "hi", { k: [1] });
  const answer = await fallback([echo]).process(request);
  assert.deepEqual(request.metadata, { k: [1] });
  assert.deepEqual(answer.metadata, {
    k: [1],
    fallback_agent_used: "echo",
    fallback_attempt: 1,
  });
  assert.ok(Object.isFrozen(answer) && Object.isFrozen(answer.metadata));
  assert.equal(answer.timestamp, request.timestamp);
});

test("fallback() rejects with every agent's error, in order, when all fail", async () => {
  const errors = [new RateLimitError("full"), new RangeError("out"), "text"];
  const all = fallback([fails("a", errors[0]), fails("b", errors[1]), fails("c", errors[2])]);
  const error = await rejection(all.process(ask));
  assert.ok(error instanceof AggregateAgentError);
  assert.deepEqual(error.errors, [
    { agent: "a", index: 0, cause: errors[0] },
    { agent: "b", index: 1, cause: errors[1] },
    { agent: "c", index: 2, cause: errors[2] },
  ]);
  assert.equal(error.cause, errors[0]);
  assert.equal(error.code, "resource_exhausted");
  assert.equal(
    error.message,
    "All 3 agents failed: agent 1 (a): full; agent 2 (b): out; agent 3 (c): text",
  );
});

test("fallback() of agents that all fail can be tried again when one of them can", async () => {
  const open = new CircuitOpenError("open", { retryAfterMs: 5 });
  const limited = (retryAfterMs: number) => new RateLimitError("full", { retryAfterMs });
  const all = async (...errors: Error[]) => {
    const work = fallback(errors.map((error, i) => fails(`${i}`, error))).process(ask);
    const { retryable, retryAfterMs } = await rejection(work) as AggregateAgentError;
    return { retryable, retryAfterMs };
  };
  assert.deepEqual(await all(open), { retryable: false, retryAfterMs: undefined });
  assert.deepEqual(await all(open, limited(70), limited(30)), {
    retryable: true,
    retryAfterMs: 30,
  });
  assert.deepEqual(await all(limited(70), new Error("x")), {
    retryable: true,
    retryAfterMs: undefined,
  });
});

test("fallback() passes an error on that shouldFallback refuses", async () => {
  const bad = new AgenkitError("invalid_argument", "no");
  const seen: unknown[] = [];
  const picky = fallback([fails("a"), fails("b", bad), says("c")], {
    name: "picky",
    shouldFallback: (error, failure) => {
      seen.push([failure.agent, failure.index]);
      return error !== bad;
    },
  });
  assert.equal(await rejection(picky.process(ask)), bad);
  assert.deepEqual(seen, [["a", 0], ["b", 1]]);
  assert.deepEqual(failurePath(bad), [{ composition: "picky", agent: "b", at: 1 }]);
  const late = new AgenkitError("invalid_argument", "no");
  const stream = fallback([streams("s", [], late), says("c")], { shouldFallback: () => false });
  assert.equal(await rejection(collect(stream.stream!(ask))), late);
});

test("fallback() takes an abort by the caller for no failure: no other agent is asked", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const first = obedient("first");
  let asked = 0;
  const spare = agent("spare", () => {
    asked++;
    return "";
  });
  const judged: unknown[] = [];
  const agents = fallback([first, spare], {
    shouldFallback: (error) => {
      judged.push(error);
      return true;
    },
  });
  const work = agents.process(ask, { signal: controller.signal });
  controller.abort(reason);
  assert.equal(await rejection(work), reason);
  for (let i = 0; i < 50; i++) await null;
  assert.equal(asked, 0);
  assert.deepEqual(judged, []);
});

test("fallback() takes an answer that is no message for a failure", async () => {
  const odd = { name: "odd", process: () => Promise.resolve(null as never) };
  const answer = await fallback([odd, says("b")]).process(ask);
  assert.equal(answer.metadata.fallback_agent_used, "b");
});

test("fallback() streams the first agent that yields a chunk", async () => {
  const chosen = fallback([streams("a", [], new Error("x")), streams("b", ["1", "2"])]);
  const chunks = await collect(chosen.stream!(ask));
  assert.deepEqual(chunks.map(text), ["1", "2"]);
  for (const chunk of chunks) {
    assert.deepEqual(chunk.metadata, { fallback_agent_used: "b", fallback_attempt: 2 });
  }
});

test("fallback() does not fall over after the first chunk of a stream", async () => {
  const error = new Error("midway");
  const seen: string[] = [];
  const agents = fallback([streams("a", ["1"], error), streams("b", ["2"])], { name: "f" });
  const work = (async () => {
    for await (const chunk of agents.stream!(ask)) seen.push(text(chunk));
  })();
  assert.equal(await rejection(work), error);
  assert.deepEqual(seen, ["1"]);
  assert.deepEqual(failurePath(error), [{ composition: "f", agent: "a", at: 0 }]);
});

test("fallback() gives the answer of an agent that cannot stream as one chunk", async () => {
  const chunks = await collect(
    fallback([streams("a", [], new Error("x")), says("b")]).stream!(ask),
  );
  assert.deepEqual(chunks.map((chunk) => [text(chunk), chunk.metadata.fallback_attempt]), [
    ["b", 2],
  ]);
});

test("fallback() takes a stream without chunks for an empty answer", async () => {
  assert.deepEqual(
    await collect(fallback([streams("a", []), streams("b", ["x"])]).stream!(ask)),
    [],
  );
});

test("fallback() rejects with every agent's error when no stream yields", async () => {
  const agents = fallback([streams("a", [], new Error("x")), fails("b", new Error("y"))]);
  const error = await rejection(collect(agents.stream!(ask)));
  assert.ok(error instanceof AggregateAgentError);
  assert.deepEqual(error.errors.map(({ agent, index }) => [agent, index]), [["a", 0], ["b", 1]]);
});

test("fallback() opens no other stream after the caller has aborted", async () => {
  const controller = new AbortController();
  let opened = 0;
  const spare = agent("spare", async function* () {
    opened++;
    yield "x";
  });
  const work = collect(
    fallback([deafStream(), spare]).stream!(ask, { signal: controller.signal }),
  );
  controller.abort(new Error("enough"));
  await assert.rejects(work, /enough/);
  assert.equal(opened, 0);
});

test("fallback() ends the chosen stream when the consumer breaks", async () => {
  let ended = false;
  const endless = agent("endless", async function* () {
    try {
      for (;;) yield "x";
    } finally {
      ended = true;
    }
  });
  for await (const _ of fallback([endless]).stream(ask)) break;
  assert.equal(ended, true);
});
