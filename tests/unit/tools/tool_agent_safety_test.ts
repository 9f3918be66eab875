// Defects of the Python and the Go version that this one must not have, and hostile input.
import assert from "node:assert/strict";
import { test } from "node:test";
import { agent, createContextKey, createContextValues, message } from "../../../src/core/mod.ts";
import { type JsonObject, text } from "../../../src/core/mod.ts";
import { tool, toolAgent, type ToolAgentOptions } from "../../../src/tools/mod.ts";
import { toolFailure, type ToolOutcome } from "../../../src/tools/mod.ts";
import { add, asking, echo, errorsOf, peerCall, resultsOf, scripted } from "./fakes.ts";

const go = message("user", "go");
const anything = { type: "object" } as const;

const sizes = tool({
  name: "size",
  description: "Counts keys",
  parameters: anything,
  execute: (args) => Object.keys(args).length,
});

/** What the inner agent learns of the calls it asked for. */
async function errorsOfCalls(
  calls: readonly JsonObject[],
  tools: Parameters<typeof toolAgent>[1],
  options?: ToolAgentOptions,
) {
  const { model, given } = scripted(calls, "done");
  assert.equal(text(await toolAgent(model, tools, options).process(go)), "done");
  return errorsOf(given[1]!);
}

test("toolAgent() checks arguments against the schema, which upstream never does", async () => {
  let ran = false;
  const strict = tool({
    name: "strict",
    description: "Takes a number",
    parameters: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
    execute: () => ran = true,
  });
  const answer = await toolAgent(echo, [strict]).process(asking([peerCall("strict", { n: "1" })]));
  assert.match(
    text(answer),
    /1\. Error: Invalid arguments for tool 'strict': n: expected a number/,
  );
  assert.equal(ran, false);
});

test("toolAgent() survives a tool whose answer is no result, which upstream does not", async () => {
  for (const given of [undefined, null, 5, "text", () => 1, new Date(), Symbol("x"), 5n]) {
    const odd = {
      name: "odd",
      description: "Made by hand",
      execute: () => Promise.resolve(given as never),
    };
    const answer = await toolAgent(echo, [odd, add])
      .process(asking([peerCall("odd"), peerCall("add", { a: 1, b: 1 })]));
    assert.equal(resultsOf(answer).length, 2);
    assert.equal(resultsOf(answer)[1]!.success, true);
  }
});

test("toolAgent() survives a tool that throws without a promise", async () => {
  const odd = {
    name: "odd",
    description: "Made by hand",
    execute: () => {
      throw new Error("secret");
    },
  };
  assert.deepEqual(await errorsOfCalls([peerCall("odd")], [odd]), ["Tool 'odd' failed"]);
});

test("toolAgent() hides the texts of errors that were not meant for others", async () => {
  const leaky = tool({
    name: "leaky",
    description: "Throws",
    execute: () => {
      throw new Error("connect postgres://admin:hunter2@10.0.0.1 failed");
    },
  });
  const answer = await toolAgent(echo, [leaky]).process(asking([peerCall("leaky")]));
  assert.equal(answer.content, "Tool execution results:\n1. Error: Tool 'leaky' failed");
  assert.doesNotMatch(JSON.stringify(answer), /hunter2/);
});

test("toolAgent() shows of errors what its redact lets through; a tool's own goes first", async () => {
  const one = tool({
    name: "one",
    description: "Throws",
    execute: () => Promise.reject(new RangeError("secret")),
  });
  const two = tool({
    name: "two",
    description: "Throws",
    redact: () => "of the tool",
    execute: () => Promise.reject(new RangeError("secret")),
  });
  const redact = (error: unknown) => `of the agent: ${(error as Error).name}`;
  assert.deepEqual(
    await errorsOfCalls([peerCall("one"), peerCall("two")], [one, two], { redact }),
    ["of the agent: RangeError", "of the tool"],
  );
});

test("toolAgent() tells its observer everything, and survives it", async () => {
  const failing = tool({
    name: "failing",
    description: "Throws",
    execute: () => Promise.reject(new Error("the cause")),
  });
  const outcomes: ToolOutcome[] = [];
  const onResult = (outcome: ToolOutcome) => {
    outcomes.push(outcome);
    throw new Error("the observer is broken");
  };
  const calls = [peerCall("failing"), peerCall("nothing"), peerCall("add", { a: 1, b: 1 })];
  await errorsOfCalls(calls, [failing, add], { onResult, concurrency: 1 });
  assert.deepEqual(
    outcomes.map(({ callId, toolName, result }) => [callId, toolName, result.success]),
    [["call_1", "failing", false], ["call_2", "nothing", false], ["call_3", "add", true]],
  );
  assert.equal((outcomes[0]!.error as Error).message, "the cause");
  assert.equal(outcomes[2]!.error, undefined);
});

test("toolAgent() refuses a request with more calls than maxCalls, before any runs", async () => {
  let runs = 0;
  const count = tool({ name: "count", description: "Counts", execute: () => ++runs });
  const calls = Array.from({ length: 33 }, () => peerCall("count"));
  await assert.rejects(toolAgent(echo, [count]).process(asking(calls)), {
    code: "invalid_argument",
    message: "Too many tool calls: expected at most 32, got 33",
  });
  assert.equal(runs, 0);
  await toolAgent(echo, [count]).process(asking(calls.slice(1)));
  assert.equal(runs, 32);
});

test("toolAgent() refuses arguments of 10 MiB, as JSON and as text", async () => {
  const big = "x".repeat(10 * 1024 * 1024);
  const tooLarge = "Invalid arguments for tool 'size': expected at most 1048576 bytes, got more";
  assert.deepEqual(
    await errorsOfCalls([
      peerCall("size", { big }),
      { tool_name: "size", parameters: JSON.stringify({ big }) },
      { tool_name: "size", parameters: big },
      peerCall("size", { big: "small" }),
    ], [sizes]),
    [tooLarge, tooLarge, tooLarge, null],
  );
});

test("toolAgent() measures arguments to the byte", async () => {
  // {"a":"…"} is eight bytes besides the text.
  const calls = [peerCall("size", { a: "é".repeat(46) }), peerCall("size", { a: "é".repeat(47) })];
  const errors = await errorsOfCalls(calls, [sizes], { maxArgumentBytes: 100 });
  assert.deepEqual(errors.map((error) => error === null), [true, false]);
});

test("toolAgent() repeats no oversized call in the history", async () => {
  const big = "x".repeat(2000);
  const { model, given } = scripted([{ id: "c1", ...peerCall("size", { big }) }], "done");
  await toolAgent(model, [sizes], { maxArgumentBytes: 1000 }).process(go);
  assert.ok(JSON.stringify(given[1]!).length < 1500);
  const [, asked] = given[1]!.metadata.history as readonly JsonObject[];
  assert.deepEqual((asked!.metadata as JsonObject).tool_calls, [
    { id: "c1", tool_name: "size", parameters: {} },
  ]);
});

test("toolAgent() refuses arguments nested 10,000 deep", async () => {
  const parameters = `{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
  const [error] = await errorsOfCalls([{ tool_name: "size", parameters }], [sizes]);
  assert.match(error as string, /^Invalid arguments for tool 'size': /);
});

test("toolAgent() survives arguments as deep as a message may carry", async () => {
  for (const depth of [380, 396, 400, 480, 495]) {
    let deep: JsonObject = {};
    for (let i = 1; i < depth; i++) deep = { a: deep };
    const [error] = await errorsOfCalls([peerCall("size", deep)], [sizes]);
    if (depth <= 400) assert.equal(error, null, `${depth}`);
    else assert.match(error as string, /expected at most 400 levels of nesting, got more/);
  }
});

test("toolAgent() refuses arguments with __proto__ keys and pollutes nothing", async () => {
  const parameters = '{"a":{"__proto__":{"polluted":true}}}';
  const [error] = await errorsOfCalls([{ tool_name: "size", parameters }], [sizes]);
  assert.match(error as string, /the key "__proto__" is not allowed/);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.throws(() => asking(JSON.parse(`[${parameters}]`)), /"__proto__" is not allowed/);
});

test("toolAgent() looks up tools only among those registered", async () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", ""];
  const errors = await errorsOfCalls(names.map((name) => peerCall(name)), [add]);
  assert.deepEqual(errors, names.map((name) => `Tool '${name}' not found`));
});

test("toolAgent() refuses results that are too large", async () => {
  const make = tool({
    name: "make",
    description: "Makes text",
    parameters: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
    execute: ({ n }) => "x".repeat(n),
  });
  // {"success":true,"data":"…","error":null,"metadata":{}} is 53 bytes besides the text.
  const calls = [peerCall("make", { n: 47 }), peerCall("make", { n: 48 })];
  assert.deepEqual(await errorsOfCalls(calls, [make], { maxResultBytes: 100 }), [
    null,
    "Tool 'make' gave too large a result: at most 100 bytes are allowed",
  ]);
  assert.match(
    (await errorsOfCalls([peerCall("make", { n: 10 * 1024 * 1024 })], [make]))[0] as string,
    /at most 1048576 bytes/,
  );
});

test("toolAgent() counts the metadata and the error text of a result too", async () => {
  const long = "x".repeat(200);
  const failing = tool({
    name: "failing",
    description: "Fails at length",
    execute: () => toolFailure(long),
  });
  assert.deepEqual(await errorsOfCalls([peerCall("failing")], [failing], { maxResultBytes: 200 }), [
    "Tool 'failing' gave too large a result: at most 200 bytes are allowed",
  ]);
});

test("toolAgent() refuses results that are nested too deeply for a message", async () => {
  for (const depth of [390, 420, 499, 600]) {
    let deep: unknown = "x";
    for (let i = 0; i < depth; i++) deep = [deep];
    const make = tool({ name: "make", description: "Nests", execute: () => deep as never });
    const [error] = await errorsOfCalls([peerCall("make")], [make]);
    if (depth === 390) assert.equal(error, null);
    else assert.match(error as string, /^Tool 'make' gave (too large a|no valid) result/);
  }
});

test("toolAgent() asks whether a call may run, once its arguments fit", async () => {
  const user = createContextKey("nobody");
  const asked: unknown[] = [];
  let ran = 0;
  const pay = tool({
    name: "pay",
    description: "Pays",
    parameters: { type: "object", properties: { sum: { type: "number" } }, required: ["sum"] },
    execute: () => ++ran,
  });
  const calls = [
    { id: "c1", ...peerCall("pay", { sum: 5 }) },
    { id: "c2", ...peerCall("pay", { sum: 5000 }) },
    { id: "c3", ...peerCall("pay", { sum: "all" }) },
    { id: "c4", ...peerCall("steal") },
  ];
  const { model, given } = scripted(calls, "done");
  const paying = toolAgent(model, [pay], {
    concurrency: 1,
    authorize: async (call, context) => {
      await null;
      assert.ok(Object.isFrozen(call) && Object.isFrozen(call.arguments));
      assert.ok(context.signal instanceof AbortSignal);
      asked.push([call.id, call.name, call.arguments.sum, context.values.get(user)]);
      asked.push([context.callId, context.source, context.message.role]);
      return (call.arguments.sum as number) < 100;
    },
  });
  await paying.process(go, { values: createContextValues().with(user, "ada") });
  assert.deepEqual(asked, [
    ["c1", "pay", 5, "ada"],
    ["c1", "model", "agent"],
    ["c2", "pay", 5000, "ada"],
    ["c2", "model", "agent"],
  ]);
  assert.equal(ran, 1);
  assert.deepEqual(errorsOf(given[1]!).slice(0, 2), [null, "Tool 'pay' not authorized"]);
});

test("toolAgent() knows a request's call from the model's when it asks", async () => {
  const sources: string[] = [];
  const authorize: ToolAgentOptions["authorize"] = (_, { source, message: m }) => {
    sources.push(`${source} ${m.role}`);
    return true;
  };
  const { model } = scripted([peerCall("add")], "done");
  const calculating = toolAgent(model, [add], { authorize });
  const calls = [peerCall("add", { a: 1, b: 1 })];
  await calculating.process(asking(calls));
  const asks = agent("asks", (m) => m.role === "tool" ? "done" : { ...asking(calls) });
  await toolAgent(asks, [add], { authorize }).process(go);
  assert.deepEqual(sources, ["request user", "model user"]);
});

test("toolAgent() lets nothing but true authorize a call", async () => {
  const answers = [
    () => false,
    () => undefined,
    () => 1,
    () => "true",
    () => ({}),
    () => Promise.resolve(1),
    () => {
      throw new Error("secret");
    },
    () => Promise.reject(new Error("secret")),
  ];
  let ran = false;
  const spy = tool({ name: "spy", description: "Spies", execute: () => ran = true });
  for (const authorize of answers) {
    assert.deepEqual(
      await errorsOfCalls([peerCall("spy")], [spy], { authorize: authorize as never }),
      ["Tool 'spy' not authorized"],
    );
  }
  assert.equal(ran, false);
});

test("toolAgent() lets nobody change a result that it has given", async () => {
  const data = { list: [1] };
  const leak = tool({ name: "leak", description: "Keeps what it gives", execute: () => data });
  const answer = await toolAgent(echo, [leak]).process(asking([peerCall("leak")]));
  data.list.push(2);
  assert.deepEqual(resultsOf(answer)[0]!.data, { list: [1] });
});
