// What users of the Python and the Go version expect of tools that a request asks for.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  agent,
  collect,
  isAgent,
  type Json,
  type Message,
  message,
  text,
} from "../../../src/core/mod.ts";
import { tool, toolAgent, toolFailure, toolRegistry, toolSuccess } from "../../../src/tools/mod.ts";
import { add, asking, echo, peerCall, resultsOf } from "./fakes.ts";

const divide = tool({
  name: "divide",
  description: "Divides two numbers",
  parameters: {
    type: "object",
    properties: { a: { type: "number" }, b: { type: "number" } },
    required: ["a", "b"],
  },
  execute: ({ a, b }) => b === 0 ? toolFailure("Division by zero") : { result: a / b },
});

/** Checks its argument by itself. */
const percent = tool({
  name: "percent",
  description: "Takes a percentage",
  parameters: { type: "object", properties: { value: { type: "number" } }, required: ["value"] },
  execute: ({ value }) => value <= 100 ? { value } : toolFailure("Invalid value"),
});

test("toolAgent() has the inner agent's name", () => {
  assert.equal(toolAgent(echo, [add]).name, "echo");
  assert.equal(toolAgent(agent("my own name", () => ""), []).name, "my own name");
});

test("toolAgent() is an agent", () => {
  assert.ok(isAgent(toolAgent(echo, [])));
});

test("toolAgent() adds tool_calling to the inner agent's capabilities", () => {
  assert.deepEqual(toolAgent(echo, []).capabilities, ["echoing", "tool_calling"]);
  assert.deepEqual(echo.capabilities, ["echoing"], "and leaves the inner agent's alone");
  assert.deepEqual(toolAgent(toolAgent(echo, []), []).capabilities, ["echoing", "tool_calling"]);
});

test("toolAgent() shows the very registry it was given", () => {
  const registry = toolRegistry([add]);
  assert.equal(toolAgent(echo, registry).registry, registry);
});

test("toolAgent() makes a registry of a list of tools", () => {
  assert.deepEqual(toolAgent(echo, [add]).registry.list(), [add]);
});

test("toolAgent() knows tools that are registered later", async () => {
  const registry = toolRegistry();
  const calculating = toolAgent(echo, registry);
  registry.register(add);
  const answer = await calculating.process(asking([peerCall("add", { a: 1, b: 2 })]));
  assert.equal(resultsOf(answer)[0]!.success, true);
});

test("toolAgent() hands a request without tool_calls to the inner agent", async () => {
  const answer = await toolAgent(echo, [add]).process(message("user", "hello"));
  assert.equal(text(answer), "echo: hello");
});

test("toolAgent() runs one tool and answers with its result", async () => {
  let calls = 0;
  const answer42 = tool({ name: "ask", description: "Knows", execute: () => (calls++, 42) });
  const answer = await toolAgent(echo, [answer42]).process(asking([peerCall("ask")]));
  assert.equal(answer.role, "agent");
  assert.equal(answer.content, "Tool execution results:\n1. Success: 42");
  assert.deepEqual(answer.metadata, { tool_results: [toolSuccess(42)] });
  assert.equal(calls, 1);
});

test("toolAgent() puts results into the metadata in the peers' shape", async () => {
  const answer = await toolAgent(echo, [add]).process(asking([peerCall("add", { a: 5, b: 3 })]));
  assert.equal(
    JSON.stringify(answer.metadata),
    '{"tool_results":[{"success":true,"data":{"result":8},"error":null,"metadata":{}}]}',
  );
});

test("toolAgent() writes data as JSON, and text as it is", async () => {
  const give = tool({
    name: "give",
    description: "Gives what it got",
    parameters: { type: "object" },
    execute: ({ it }) => it,
  });
  const all: Json[] = [{ result: 5 }, "two words", null, true, [1, "x"]];
  const answer = await toolAgent(echo, [give])
    .process(asking(all.map((it) => peerCall("give", { it }))));
  assert.equal(
    answer.content,
    'Tool execution results:\n1. Success: {"result":5}\n2. Success: two words\n' +
      '3. Success: null\n4. Success: true\n5. Success: [1,"x"]',
  );
});

test("toolAgent() runs several tools and keeps their order", async () => {
  const answer = await toolAgent(echo, [add, divide]).process(asking([
    peerCall("add", { a: 1, b: 2 }),
    peerCall("divide", { a: 8, b: 2 }),
  ]));
  assert.deepEqual(resultsOf(answer).map(({ data }) => data), [{ result: 3 }, { result: 4 }]);
  assert.match(text(answer), /^Tool execution results:\n1\. Success: .*\n2\. Success: /);
});

test("toolAgent() runs a request's tools one after the other", async () => {
  const log: string[] = [];
  const step = tool({
    name: "step",
    description: "Logs",
    parameters: { type: "object" },
    execute: async ({ n }) => {
      log.push(`start ${n}`);
      for (let i = 0; i < 5; i++) await null;
      log.push(`end ${n}`);
    },
  });
  const calls = [1, 2, 3].map((n) => peerCall("step", { n }));
  const answer = await toolAgent(echo, [step]).process(asking(calls));
  assert.deepEqual(log, ["start 1", "end 1", "start 2", "end 2", "start 3", "end 3"]);
  assert.equal(resultsOf(answer).length, 3);
  assert.match(text(answer), /1\. Success.*\n2\. Success.*\n3\. Success/);
});

test("toolAgent() reports a tool's own failure", async () => {
  const answer = await toolAgent(echo, [divide])
    .process(asking([peerCall("divide", { a: 1, b: 0 })]));
  assert.equal(answer.content, "Tool execution results:\n1. Error: Division by zero");
  assert.deepEqual(resultsOf(answer), [toolFailure("Division by zero")]);
});

test("toolAgent() reports a tool that throws, and rejects nothing", async () => {
  const broken = tool({
    name: "broken",
    description: "Throws",
    execute: () => {
      throw new AgenkitError("unavailable", "The printer is on fire");
    },
  });
  const answer = await toolAgent(echo, [broken]).process(asking([peerCall("broken")]));
  assert.deepEqual(resultsOf(answer), [toolFailure("The printer is on fire")]);
});

test("toolAgent() reports a tool that is not there", async () => {
  const answer = await toolAgent(echo, [add]).process(asking([peerCall("nothing")]));
  assert.equal(answer.content, "Tool execution results:\n1. Error: Tool 'nothing' not found");
  assert.equal(resultsOf(answer)[0]!.success, false);
});

test("toolAgent() reports success and failure side by side", async () => {
  const answer = await toolAgent(echo, [divide]).process(asking([
    peerCall("divide", { a: 4, b: 2 }),
    peerCall("divide", { a: 1, b: 0 }),
    peerCall("nothing"),
  ]));
  assert.equal(
    answer.content,
    'Tool execution results:\n1. Success: {"result":2}\n2. Error: Division by zero\n' +
      "3. Error: Tool 'nothing' not found",
  );
});

test("toolAgent() lets a tool check its arguments itself", async () => {
  const calls = [peerCall("percent", { value: 50 }), peerCall("percent", { value: 150 })];
  const answer = await toolAgent(echo, [percent]).process(asking(calls));
  assert.match(text(answer), /1\. Success: {"value":50}\n2\. Error: Invalid value$/);
});

test("toolAgent() hands tools several named parameters", async () => {
  const count = tool({
    name: "count",
    description: "Counts what it gets",
    parameters: { type: "object" },
    execute: (args) => ({ count: Object.keys(args).length }),
  });
  const answer = await toolAgent(echo, [count])
    .process(asking([peerCall("count", { query: "x", options: { deep: [1, 2] } })]));
  assert.deepEqual(resultsOf(answer)[0]!.data, { count: 2 });
});

test("toolAgent() answers an empty list with the first line alone", async () => {
  let asked = false;
  const inner = agent("inner", () => (asked = true, ""));
  const answer = await toolAgent(inner, [add]).process(asking([]));
  assert.equal(answer.content, "Tool execution results:");
  assert.deepEqual(answer.metadata, { tool_results: [] });
  assert.equal(asked, false, "the key alone is enough to bypass the inner agent");
});

test("toolAgent() refuses a list that is not right as a whole, before anything runs", async () => {
  let ran = 0;
  const counting = tool({ name: "count", description: "Counts", execute: () => ++ran });
  const fine = peerCall("count");
  const cases: [Json, string][] = [
    ["count", "tool_calls must be a list"],
    [null, "tool_calls must be a list"],
    [{ 0: fine }, "tool_calls must be a list"],
    [[fine, "count"], "Each tool call must be a dict"],
    [[fine, null], "Each tool call must be a dict"],
    [[fine, [fine]], "Each tool call must be a dict"],
    [[fine, { parameters: {} }], "Each tool call must have 'tool_name'"],
    [[fine, { tool_name: 5, parameters: {} }], "Each tool call must have 'tool_name'"],
    [[fine, { tool_name: "count" }], "Each tool call must have 'parameters'"],
  ];
  for (const [calls, expected] of cases) {
    await assert.rejects(toolAgent(echo, [counting]).process(asking(calls)), (error) => {
      assert.ok(error instanceof AgenkitError);
      assert.equal(error.code, "invalid_argument");
      assert.equal(error.message, expected);
      return true;
    });
  }
  assert.equal(ran, 0);
});

test("toolAgent() reports parameters that are no object", async () => {
  for (const parameters of [null, 5, [1], true]) {
    const answer = await toolAgent(echo, [add]).process(asking([{ tool_name: "add", parameters }]));
    assert.match(text(answer), /1\. Error: Invalid arguments for tool 'add': .*expected an object/);
  }
});

test("toolAgent() takes the names that models use, and arguments as JSON text", async () => {
  const answer = await toolAgent(echo, [add]).process(asking([
    { name: "add", arguments: { a: 1, b: 2 } },
    { name: "add", arguments: '{"a":3,"b":4}' },
    { id: "x", name: "add", arguments: "{" },
  ]));
  assert.deepEqual(resultsOf(answer), [
    toolSuccess({ result: 3 }),
    toolSuccess({ result: 7 }),
    toolFailure(
      "Invalid arguments for tool 'add': expected JSON text, got text that cannot be parsed",
      { call_id: "x" },
    ),
  ]);
});

test("toolAgent() gives the ids of calls back with their results", async () => {
  const calls = [
    { ...peerCall("add", { a: 1, b: 1 }), id: "first" },
    { ...peerCall("nothing"), id: "second" },
  ];
  const answer = await toolAgent(echo, [add]).process(asking(calls));
  assert.deepEqual(resultsOf(answer).map(({ metadata }) => metadata), [
    { call_id: "first" },
    { call_id: "second" },
  ]);
});

test("toolAgent() writes its text with the format it was given", async () => {
  const calculating = toolAgent(echo, [add], {
    format: (results) => results.map(({ data }) => JSON.stringify(data)).join(" and "),
  });
  const answer = await calculating.process(asking([
    peerCall("add", { a: 1, b: 1 }),
    peerCall("add", { a: 1, b: 2 }),
  ]));
  assert.equal(answer.content, '{"result":2} and {"result":3}');
});

test("toolAgent() that accepts no request calls asks the inner agent, without them", async () => {
  let ran = false;
  const spy = tool({ name: "spy", description: "Spies", execute: () => ran = true });
  const inner = agent("inner", (m) => JSON.stringify(m.metadata));
  // The inner one would run them, were they still there.
  const guarded = toolAgent(toolAgent(inner, [spy]), [spy], { acceptRequestCalls: false });
  const answer = await guarded.process(asking([peerCall("spy")], { session: "s1" }));
  assert.equal(answer.content, '{"session":"s1"}');
  assert.equal(ran, false);
});

test("toolAgent() refuses what it cannot work with", () => {
  assert.throws(
    () => toolAgent(null as never, []),
    /^TypeError: Cannot make a tool agent: expected/,
  );
  assert.throws(
    () => toolAgent(echo, null as never),
    /expected a registry or a list of tools, got/,
  );
  assert.throws(() => toolAgent(echo, {} as never), /expected a registry or a list of tools, got/);
  assert.throws(() => toolAgent(echo, [5 as never]), /Cannot register a tool: expected/);
  assert.throws(() => toolAgent(echo, [add, add]), /Tool 'add' is already registered/);
});

test("toolAgent() takes answers of any class of agent, and refuses what is none", async () => {
  const answering = (answer: unknown) => ({
    name: "other",
    process: () => Promise.resolve(answer as Message),
    async *stream() {
      yield answer as Message;
    },
  });
  const assistant = toolAgent(answering("plain text"), [add]);
  assert.equal(text(await assistant.process(message("user", "hi"))), "plain text");
  assert.deepEqual((await collect(assistant.stream(message("user", "hi")))).map(text), [
    "plain text",
  ]);
  const wrong = toolAgent(answering(undefined), [add]);
  const refusal = /Cannot use what agent 'other' answered: expected a message/;
  await assert.rejects(wrong.process(message("user", "hi")), refusal);
  await assert.rejects(collect(wrong.stream(message("user", "hi"))), refusal);
});

test("toolAgent() refuses bad options and names them", () => {
  assert.throws(
    () => toolAgent(echo, [], null as never),
    /TypeError: Cannot make a tool agent: expected an object of options, got null/,
  );
  const numbers = ["maxRounds", "concurrency", "maxCalls", "maxArgumentBytes", "maxResultBytes"];
  for (const name of [...numbers, "timeoutMs"]) {
    for (const value of [-1, Number.NaN, "5", null]) {
      assert.throws(
        () => toolAgent(echo, [], { [name]: value }),
        new RegExp(`Error: Cannot make a tool agent as '${name}' must be`),
        `${name}: ${value}`,
      );
    }
  }
  for (const name of numbers) {
    assert.throws(() => toolAgent(echo, [], { [name]: 1.5 }), RangeError);
  }
  for (const name of ["authorize", "redact", "format", "onResult"]) {
    assert.throws(() => toolAgent(echo, [], { [name]: 5 }), /must be a function/);
  }
  for (const name of ["acceptRequestCalls", "history"]) {
    assert.throws(() => toolAgent(echo, [], { [name]: "no" }), /must be a boolean/);
  }
});
