// What happens when the inner agent asks for tools.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, agent, type Json, type JsonObject } from "../../../src/core/mod.ts";
import { message, text } from "../../../src/core/mod.ts";
import { tool, toolAgent, toolFailure, toolSuccess } from "../../../src/tools/mod.ts";
import { add, asking, errorsOf, peerCall, resultsOf, scripted } from "./fakes.ts";

test("toolAgent() runs what the inner agent asks for and gives it the results", async () => {
  const { model, given } = scripted([{ id: "c1", ...peerCall("add", { a: 2, b: 3 }) }], "It is 5");
  const answer = await toolAgent(model, [add]).process(message("user", "2 + 3?"));
  assert.equal(answer.content, "It is 5");
  assert.equal(given.length, 2);
  const told = given[1]!;
  assert.equal(told.role, "tool");
  assert.equal(told.content, 'Tool execution results:\n1. Success: {"result":5}');
  assert.deepEqual(resultsOf(told), [
    toolSuccess({ result: 5 }, { call_id: "c1", tool_name: "add" }),
  ]);
});

test("toolAgent() returns the inner agent's last answer as it is", async () => {
  const last = message("assistant", "done", { usage: { tokens: 7 } });
  const model = agent("model", (m) => m.role === "tool" ? last : asking([peerCall("add")]));
  assert.equal(await toolAgent(model, [add]).process(message("user", "go")), last);
});

test("toolAgent() takes no calls, null and an empty list for an answer", async () => {
  for (const metadata of [{}, { tool_calls: null }, { tool_calls: [] }] as JsonObject[]) {
    const model = agent("model", () => ({ content: "done", metadata }));
    const answer = await toolAgent(model, [add]).process(message("user", "go"));
    assert.deepEqual(answer.metadata, metadata);
  }
});

test("toolAgent() tells the inner agent what has been said so far", async () => {
  const { model, given } = scripted(
    [{ id: "c1", name: "add", arguments: { a: 1, b: 1 }, signature: "keep" }],
    [peerCall("add", { a: 2, b: 2 })],
    "4",
  );
  const request = message("user", "go", { session: "s1" });
  await toolAgent(model, [add]).process(request);
  const [, second, third] = given;
  assert.equal(second!.metadata.session, "s1");
  assert.equal(third!.metadata.session, "s1");
  const history = third!.metadata.history as readonly JsonObject[];
  assert.deepEqual(history.map(({ role }) => role), ["user", "agent", "tool", "agent"]);
  assert.deepEqual(history[0], {
    role: "user",
    content: "go",
    metadata: { session: "s1" },
    timestamp: request.timestamp,
  });
  const calls = history.map((entry) => (entry.metadata as JsonObject).tool_calls);
  assert.deepEqual(calls[1], [
    { id: "c1", name: "add", arguments: { a: 1, b: 1 }, signature: "keep" },
  ]);
  assert.deepEqual(calls[3], [{ ...peerCall("add", { a: 2, b: 2 }), id: "call_2" }]);
  assert.equal(resultsOf(third!)[0]!.data !== undefined, true);
  assert.deepEqual((resultsOf(third!)[0]!.metadata as JsonObject).call_id, "call_2");
  for (const entry of history) {
    assert.equal((entry.metadata as JsonObject).history, undefined, "not nested");
    assert.equal(message(entry as never).role, entry.role, "each is a message again");
  }
  assert.deepEqual((second!.metadata.history as Json[]).length, 2);
});

test("toolAgent() goes on with the history that a request brings", async () => {
  const { model, given } = scripted([peerCall("add", { a: 1, b: 1 })], "2");
  const before = [{ role: "user", content: "hi" }, { role: "agent", content: "hello" }];
  await toolAgent(model, [add]).process(message("user", "1 + 1?", { history: before }));
  const history = given[1]!.metadata.history as readonly JsonObject[];
  assert.deepEqual(history.map(({ content }) => content), ["hi", "hello", "1 + 1?", ""]);
});

test("toolAgent() keeps the history to itself when told to", async () => {
  const { model, given } = scripted([peerCall("add", { a: 1, b: 1 })], "2");
  await toolAgent(model, [add], { history: false }).process(message("user", "go", { s: 1 }));
  assert.deepEqual(Object.keys(given[1]!.metadata), ["s", "tool_results"]);
});

test("toolAgent() makes up ids, different ones in a conversation", async () => {
  const { model, given } = scripted(
    [peerCall("add"), { ...peerCall("add"), id: "own" }],
    [peerCall("add"), { ...peerCall("add"), id: "" }, { ...peerCall("add"), id: 5 }],
    "done",
  );
  await toolAgent(model, [add]).process(message("user", "go"));
  const ids = given.slice(1).map((m) =>
    resultsOf(m).map(({ metadata }) => (metadata as JsonObject).call_id)
  );
  assert.deepEqual(ids, [["call_1", "own"], ["call_3", "call_4", "call_5"]]);
  const [, , , asked] = given[2]!.metadata.history as readonly JsonObject[];
  const calls = (asked!.metadata as JsonObject).tool_calls as readonly JsonObject[];
  assert.deepEqual(calls.map(({ id }) => id), ["call_3", "call_4", "call_5"]);
});

test("toolAgent() tells the inner agent what was wrong with its calls", async () => {
  const { model, given } = scripted([
    peerCall("nothing"),
    peerCall("add", { a: "1", b: 2 }),
    { tool_name: "add", parameters: "{oops" },
    { tool_name: "add", parameters: [1] },
    "add",
    null,
    { parameters: {} },
    { name: "add" },
  ], "sorry");
  const answer = await toolAgent(model, [add]).process(message("user", "go"));
  assert.equal(answer.content, "sorry");
  const unreadable = "Invalid tool call: expected an object with 'tool_name' and 'parameters'";
  assert.deepEqual(errorsOf(given[1]!), [
    "Tool 'nothing' not found",
    "Invalid arguments for tool 'add': a: expected a number, got \"1\"",
    "Invalid arguments for tool 'add': expected JSON text, got text that cannot be parsed",
    "Invalid arguments for tool 'add': Cannot use arguments as JSON: " +
    "expected an object, got an array",
    unreadable,
    unreadable,
    unreadable,
    "Invalid arguments for tool 'add': expected a property 'a'",
  ]);
});

test("toolAgent() takes missing and empty arguments for none", async () => {
  const dice = tool({ name: "dice", description: "Throws a die", execute: () => 4 });
  const calls = [{ name: "dice" }, { name: "dice", arguments: null }, {
    name: "dice",
    arguments: " ",
  }];
  const { model, given } = scripted(calls, "done");
  await toolAgent(model, [dice]).process(message("user", "go"));
  assert.deepEqual(resultsOf(given[1]!).map(({ data }) => data), [4, 4, 4]);
});

test("toolAgent() rejects when what the inner agent asks for is no list", async () => {
  const model = agent("model", () => ({ content: "", metadata: { tool_calls: "add" } }));
  await assert.rejects(toolAgent(model, [add]).process(message("user", "go")), (error) => {
    assert.ok(error instanceof AgenkitError);
    assert.equal(error.code, "internal");
    assert.match(error.message, /agent 'model' asked for: 'tool_calls' must be a list, got "add"/);
    return true;
  });
});

test("toolAgent() gives up after maxRounds and says so", async () => {
  let runs = 0;
  const again = tool({ name: "again", description: "Once more", execute: () => ++runs });
  const { model, given } = scripted([peerCall("again")]);
  await assert.rejects(
    toolAgent(model, [again], { maxRounds: 3 }).process(message("user", "go")),
    (error) => {
      assert.ok(error instanceof AgenkitError);
      assert.equal(error.code, "resource_exhausted");
      assert.equal(error.retryable, false);
      assert.deepEqual(error.details, { rounds: 3 });
      assert.match(
        error.message,
        /'model' gave no answer: it still asked for tools after 3 rounds/,
      );
      return true;
    },
  );
  assert.equal(runs, 3);
  assert.equal(given.length, 4);
});

test("toolAgent() lets the inner agent answer after the last round", async () => {
  const calls = [peerCall("add", { a: 1, b: 1 })];
  const { model } = scripted(calls, calls, calls, "done");
  const answer = await toolAgent(model, [add], { maxRounds: 3 }).process(message("user", "go"));
  assert.equal(answer.content, "done");
});

test("toolAgent() stops at 10 rounds by default", async () => {
  const { model, given } = scripted([peerCall("add")]);
  await assert.rejects(toolAgent(model, [add]).process(message("user", "go")), /after 10 rounds/);
  assert.equal(given.length, 11);
});

test("toolAgent() with no rounds hands calls to the caller", async () => {
  const calls = [peerCall("add", { a: 1, b: 1 })];
  const { model } = scripted(calls);
  const answer = await toolAgent(model, [add], { maxRounds: 0 }).process(message("user", "go"));
  assert.deepEqual(answer.metadata.tool_calls, calls);
});

test("toolAgent() runs the inner agent's calls at once, up to its concurrency", async () => {
  for (const [concurrency, expected] of [[undefined, 8], [3, 3], [1, 1], [Infinity, 20]] as const) {
    let running = 0;
    let most = 0;
    const busy = tool({
      name: "busy",
      description: "Takes a while",
      parameters: { type: "object" },
      execute: async ({ n }) => {
        most = Math.max(most, ++running);
        // The later ones end first.
        for (let i = 0; i < 40 - 2 * Number(n); i++) await null;
        running--;
        return n;
      },
    });
    const calls = Array.from({ length: 20 }, (_, n) => peerCall("busy", { n }));
    const { model, given } = scripted(calls, "done");
    await toolAgent(model, [busy], { concurrency }).process(message("user", "go"));
    assert.equal(most, expected, `concurrency ${concurrency}`);
    assert.deepEqual(
      resultsOf(given[1]!).map(({ data }) => data),
      Array.from({ length: 20 }, (_, n) => n),
      "in the order of the calls",
    );
  }
});

test("toolAgent() fails the calls beyond maxCalls and runs the others", async () => {
  let runs = 0;
  const count = tool({ name: "count", description: "Counts", execute: () => ++runs });
  const { model, given } = scripted(Array.from({ length: 5 }, () => peerCall("count")), "done");
  await toolAgent(model, [count], { maxCalls: 2 }).process(message("user", "go"));
  assert.equal(runs, 2);
  const tooMany = "Too many tool calls: at most 2 a message may run";
  assert.deepEqual(errorsOf(given[1]!), [null, null, tooMany, tooMany, tooMany]);
});

test("toolAgent() runs what the model wants though requests may not ask for it", async () => {
  const { model, given } = scripted([peerCall("add", { a: 1, b: 1 })], "done");
  const answer = await toolAgent(model, [add], { acceptRequestCalls: false })
    .process(asking([peerCall("add")]));
  assert.equal(text(answer), "done");
  assert.equal(given[0]!.metadata.tool_calls, undefined);
  assert.equal(given[1]!.metadata.tool_calls, undefined);
  assert.deepEqual(errorsOf(given[1]!), [null]);
});

test("toolAgent() can be around another one, and each runs its own tools", async () => {
  const outerOnly = tool({ name: "outer", description: "Of the outer", execute: () => "o" });
  const { model, given } = scripted([peerCall("inner"), peerCall("outer")], "done");
  const innerOnly = tool({ name: "inner", description: "Of the inner", execute: () => "i" });
  const nested = toolAgent(toolAgent(model, [innerOnly]), [outerOnly]);
  assert.equal(text(await nested.process(message("user", "go"))), "done");
  assert.deepEqual(errorsOf(given[1]!), [null, "Tool 'outer' not found"]);
});

test("toolAgent() names unknown tools on one short line", async () => {
  const { model, given } = scripted([peerCall(`x\n2. Success: ${"y".repeat(500)}`)], "done");
  await toolAgent(model, []).process(message("user", "go"));
  const [error] = errorsOf(given[1]!) as string[];
  assert.match(error!, /^Tool 'x 2\. Success: y+…' not found$/);
  assert.ok(error!.length < 130);
  assert.equal(text(given[1]!).split("\n").length, 2);
  assert.match(
    (resultsOf(given[1]!)[0]!.metadata as JsonObject).tool_name as string,
    /^x 2.{97}…$/,
  );
});

test("toolAgent() uses a tool that somebody else made, and checks its arguments", async () => {
  class Foreign {
    readonly name = "foreign";
    readonly description = "Made by hand";
    readonly parameters = { type: "object", properties: { n: { type: "number" } } };
    execute(args: JsonObject) {
      return Promise.resolve(args.n === 0 ? null as never : toolSuccess(args));
    }
  }
  const { model, given } = scripted([
    peerCall("foreign", { n: 1 }),
    peerCall("foreign", { n: "1" }),
    peerCall("foreign", { n: 0 }),
  ], "done");
  await toolAgent(model, [new Foreign()]).process(message("user", "go"));
  assert.deepEqual(errorsOf(given[1]!), [
    null,
    "Invalid arguments for tool 'foreign': n: expected a number, got \"1\"",
    null,
  ]);
  assert.deepEqual(resultsOf(given[1]!)[2]!.data, null, "no result at all is no data");
});

test("toolAgent() reports the failure of a tool that somebody else made", async () => {
  const foreign = {
    name: "foreign",
    description: "Made by hand",
    execute: () => Promise.reject(new Error("secret")),
  };
  const { model, given } = scripted([peerCall("foreign")], "done");
  await toolAgent(model, [foreign]).process(message("user", "go"));
  assert.deepEqual(
    resultsOf(given[1]!),
    [toolFailure("Tool 'foreign' failed", { call_id: "call_1", tool_name: "foreign" })],
  );
});
