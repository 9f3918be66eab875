import assert from "node:assert/strict";
import { test } from "node:test";
import { agent, collect, type Json, type JsonObject, message } from "../../../src/core/mod.ts";
import type { Message, Reply, StreamingAgent } from "../../../src/core/mod.ts";
import { text } from "../../../src/core/mod.ts";
import { tool, toolAgent } from "../../../src/tools/mod.ts";
import { add, asking, echo, errorsOf, peerCall, resultsOf } from "./fakes.ts";

const go = message("user", "go");

/** A model that streams its turns chunk by chunk, and keeps what it was given. */
function streaming(...turns: readonly (readonly Reply[])[]) {
  const given: Message[] = [];
  const model: StreamingAgent = agent("model", async function* (m) {
    const turn = turns[Math.min(given.length, turns.length - 1)]!;
    given.push(m);
    for (const chunk of turn) {
      await null;
      yield chunk;
    }
  });
  return { model, given };
}

function calling(content: string, ...calls: readonly Json[]): Reply {
  return { content, metadata: { tool_calls: calls } };
}

test("toolAgent() streams exactly when the inner agent does", () => {
  assert.equal(toolAgent(echo, []).stream, undefined);
  assert.equal(typeof toolAgent(streaming([]).model, []).stream, "function");
});

test("toolAgent() passes chunks on as they come", async () => {
  const seen: string[] = [];
  const model = agent("model", async function* () {
    for (const chunk of ["a", "b", "c"]) {
      await null;
      seen.push(`made ${chunk}`);
      yield chunk;
    }
  });
  for await (const chunk of toolAgent(model, [add]).stream(go)) seen.push(`got ${text(chunk)}`);
  assert.deepEqual(seen, ["made a", "got a", "made b", "got b", "made c", "got c"]);
});

test("toolAgent() runs the tools that a stream asks for and streams what comes of it", async () => {
  const { model, given } = streaming(
    ["Let me ", "see. ", calling("", { id: "c1", ...peerCall("add", { a: 2, b: 3 }) })],
    ["It ", "is 5."],
  );
  const chunks = await collect(toolAgent(model, [add]).stream(go));
  assert.deepEqual(chunks.map(text), ["Let me ", "see. ", "It ", "is 5."]);
  const told = given[1]!;
  assert.equal(told.role, "tool");
  assert.deepEqual(resultsOf(told)[0]!.data, { result: 5 });
  const history = told.metadata.history as readonly JsonObject[];
  assert.deepEqual(history.map(({ content }) => content), ["go", "Let me see. "]);
  assert.deepEqual((history[1]!.metadata as JsonObject).tool_calls, [
    { id: "c1", ...peerCall("add", { a: 2, b: 3 }) },
  ]);
});

test("toolAgent() shows no calls to the reader of its stream", async () => {
  const { model } = streaming([
    calling("first ", peerCall("add", { a: 1, b: 1 })),
    { content: "", metadata: { usage: 5, tool_calls: [peerCall("add", { a: 2, b: 2 })] } },
  ], ["done"]);
  const chunks = await collect(toolAgent(model, [add]).stream(go));
  assert.deepEqual(chunks.map(text), ["first ", "", "done"]);
  assert.deepEqual(chunks.map(({ metadata }) => metadata), [{}, { usage: 5 }, {}]);
});

test("toolAgent() runs the calls of all chunks of a round, each once", async () => {
  const first = { id: "c1", ...peerCall("add", { a: 1, b: 1 }) };
  const second = { id: "c2", ...peerCall("add", { a: 2, b: 2 }) };
  const { model, given } = streaming(
    // The last chunk says it all again, as some models do.
    [calling("", first), calling("", second), calling("", first, second)],
    ["done"],
  );
  await collect(toolAgent(model, [add]).stream(go));
  assert.deepEqual(resultsOf(given[1]!).map(({ data }) => data), [{ result: 2 }, { result: 4 }]);
});

test("toolAgent() runs tools of a stream only once the round is over", async () => {
  const log: string[] = [];
  const note = tool({ name: "note", description: "Notes", execute: () => void log.push("ran") });
  const model = agent("model", async function* (m) {
    if (m.role === "tool") return yield "done";
    yield calling("a", peerCall("note"));
    await null;
    log.push("over");
    yield "b";
  });
  await collect(toolAgent(model, [note]).stream(go));
  assert.deepEqual(log, ["over", "ran"]);
});

test("toolAgent() answers a request's calls with one chunk", async () => {
  const { model, given } = streaming(["never"]);
  const chunks = await collect(
    toolAgent(model, [add]).stream(asking([peerCall("add", { a: 1, b: 1 })])),
  );
  assert.deepEqual(chunks.map(text), ['Tool execution results:\n1. Success: {"result":2}']);
  assert.equal(given.length, 0);
});

test("toolAgent() gives up a stream after maxRounds", async () => {
  const { model } = streaming([calling("again ", peerCall("add"))]);
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const chunk of toolAgent(model, [add], { maxRounds: 2 }).stream(go)) {
      seen.push(text(chunk));
    }
  }, /after 2 rounds/);
  assert.deepEqual(seen, ["again ", "again ", "again "]);
});

test("toolAgent() with no rounds passes a stream on untouched", async () => {
  const { model } = streaming([calling("", peerCall("add")), "b"]);
  const chunks = await collect(toolAgent(model, [add], { maxRounds: 0 }).stream(go));
  assert.deepEqual(chunks[0]!.metadata, { tool_calls: [peerCall("add")] });
  assert.equal(chunks.length, 2);
});

test("toolAgent() tells a stream's agent what was wrong with its calls", async () => {
  const { model, given } = streaming([calling("", peerCall("nothing"), 5)], ["sorry"]);
  await collect(toolAgent(model, [add]).stream(go));
  assert.deepEqual(errorsOf(given[1]!), [
    "Tool 'nothing' not found",
    "Invalid tool call: expected an object with 'tool_name' and 'parameters'",
  ]);
});

test("toolAgent() rejects a stream whose calls are no list", async () => {
  const { model } = streaming([{ content: "", metadata: { tool_calls: { a: 1 } } }, "b"]);
  await assert.rejects(collect(toolAgent(model, [add]).stream(go)), /'tool_calls' must be a list/);
});

test("toolAgent() ends the inner stream when its reader leaves", async () => {
  let ended = false;
  const model = agent("model", async function* () {
    try {
      for (;;) yield "more";
    } finally {
      ended = true;
    }
  });
  for await (const _ of toolAgent(model, [add]).stream(go)) break;
  assert.equal(ended, true);
});

test("toolAgent() rejects its stream at once when the call is aborted while tools run", async () => {
  const controller = new AbortController();
  const reason = new Error("left");
  const stuck = tool({
    name: "stuck",
    description: "Never ends",
    execute: () => {
      queueMicrotask(() => controller.abort(reason));
      return new Promise(() => {});
    },
  });
  const { model, given } = streaming([calling("", peerCall("stuck"))], ["never"]);
  await assert.rejects(
    collect(toolAgent(model, [stuck]).stream(go, { signal: controller.signal })),
    (error) => error === reason,
  );
  assert.equal(given.length, 1);
});

test("toolAgent() hands the call's options to every round of a stream", async () => {
  const seen: unknown[] = [];
  const model = agent("model", async function* (m, call) {
    seen.push(call.signal);
    if (m.role !== "tool") yield calling("", peerCall("add"));
  });
  const { signal } = new AbortController();
  await collect(toolAgent(model, [add]).stream(go, { signal }));
  assert.deepEqual(seen, [signal, signal]);
});
