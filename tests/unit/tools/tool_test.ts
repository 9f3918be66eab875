import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  createContextKey,
  createContextValues,
  TimeoutError,
} from "../../../src/core/mod.ts";
import { tool, type ToolContext, toolFailure, toolSuccess } from "../../../src/tools/mod.ts";
import { add } from "./fakes.ts";

const description = "For a test";
const anything = { type: "object" } as const;

test("tool() makes a frozen tool with what it was given", () => {
  assert.equal(add.name, "add");
  assert.equal(add.description, "Adds two numbers");
  assert.deepEqual(add.parameters?.required, ["a", "b"]);
  assert.ok(Object.isFrozen(add) && Object.isFrozen(add.parameters?.properties));
});

test("tool() turns what a function returns into a result", async () => {
  for (const data of [5, "text", null, false, [1, { a: 2 }]]) {
    const made = tool({ name: "t", description, execute: () => data });
    assert.deepEqual(await made.execute({}), toolSuccess(data));
  }
  const nothing = tool({ name: "t", description, execute: () => {} });
  assert.deepEqual(await nothing.execute({}), toolSuccess(null));
});

test("tool() keeps a result that a function returns", async () => {
  for (const result of [toolSuccess(1, { cached: true }), toolFailure("no luck", { tries: 3 })]) {
    const made = tool({ name: "t", description, execute: () => Promise.resolve(result) });
    assert.deepEqual(await made.execute({}), result);
  }
});

test("tool() takes JSON in the shape of a result for one", async () => {
  const made = tool({
    name: "t",
    description,
    execute: () => ({ success: false, error: "no luck" }),
  });
  assert.deepEqual(await made.execute({}), toolFailure("no luck"));
});

test("tool() fails when a function returns a failure without a text", async () => {
  const made = tool({ name: "t", description, execute: () => ({ success: false }) });
  const { success, error } = await made.execute({});
  assert.equal(success, false);
  assert.match(error!, /Tool 't' gave no valid result: Failed ToolResult must have error message/);
});

test("tool() fails when a function returns what is not JSON", async () => {
  for (const answer of [new Date(), { at: undefined }, () => 1, 5n, Number.NaN, new Map()]) {
    const made = tool({ name: "t", description, execute: () => answer as never });
    assert.match(
      (await made.execute({})).error!,
      /^Tool 't' gave no valid result: Cannot use data/,
    );
  }
});

test("tool() checks arguments before it runs", async () => {
  let ran = 0;
  const made = tool({
    name: "t",
    description,
    parameters: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
    execute: () => ++ran,
  });
  assert.equal(
    (await made.execute({ n: 1.5 })).error,
    "Invalid arguments for tool 't': n: expected an integer, got 1.5",
  );
  assert.equal(
    (await made.execute({})).error,
    "Invalid arguments for tool 't': expected a property 'n'",
  );
  assert.equal(ran, 0);
});

test("tool() without parameters takes no arguments", async () => {
  const made = tool({ name: "t", description, execute: () => 1 });
  assert.deepEqual(await made.execute({}), toolSuccess(1));
  assert.equal(
    (await made.execute({ a: 1 })).error,
    "Invalid arguments for tool 't': a: expected no such property",
  );
});

test("tool() hands its function arguments that nobody can change any more", async () => {
  const args = { list: [1] };
  const made = tool({
    name: "t",
    description,
    parameters: anything,
    execute: async (given) => {
      args.list.push(2);
      await null;
      assert.ok(Object.isFrozen(given) && Object.isFrozen(given.list));
      return given;
    },
  });
  assert.deepEqual((await made.execute(args)).data, { list: [1] });
});

test("tool() refuses arguments that are no object of JSON", async () => {
  const made = tool({ name: "t", description, parameters: anything, execute: () => 1 });
  for (const args of [null, [], 5, "no JSON", { at: new Date() }, undefined]) {
    const { success, error } = await made.execute(args as never);
    assert.equal(success, false);
    assert.match(error!, /^Invalid arguments for tool 't': /);
  }
});

test("tool() refuses arguments with __proto__ keys and pollutes nothing", async () => {
  const made = tool({ name: "t", description, parameters: anything, execute: () => 1 });
  for (const text of ['{"__proto__":{"polluted":1}}', '{"a":[{"__proto__":{"polluted":1}}]}']) {
    assert.match((await made.execute(JSON.parse(text))).error!, /"__proto__" is not allowed/);
    assert.match((await made.execute(text as never)).error!, /"__proto__" is not allowed/);
  }
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test("tool() treats keys such as constructor as any other", async () => {
  const made = tool({
    name: "t",
    description,
    parameters: {
      type: "object",
      properties: { constructor: { type: "string" } },
      required: ["toString"],
      additionalProperties: { type: "number" },
    },
    execute: (args) => Object.keys(args).length,
  });
  const args = JSON.parse('{"constructor":"x","toString":1}');
  assert.deepEqual(await made.execute(args), toolSuccess(2));
  assert.match((await made.execute({})).error!, /expected a property 'toString'/);
  assert.match((await made.execute({ toString: 1, valueOf: "x" } as never)).error!, /valueOf: exp/);
});

test("tool() refuses arguments nested 10,000 deep", async () => {
  const made = tool({ name: "t", description, parameters: anything, execute: () => 1 });
  const text = `{"a":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
  let deep: unknown = [];
  for (let i = 0; i < 10_000; i++) deep = [deep];
  for (const args of [text, { a: deep }]) {
    const { error } = await made.execute(args as never);
    assert.match(error!, /^Invalid arguments for tool 't': .*(500 levels|cannot be parsed)/);
    assert.ok(error!.length < 300);
  }
});

test("tool() shows the text of an AgenkitError and hides that of others", async () => {
  const throwing = (error: unknown) =>
    tool({
      name: "t",
      description,
      execute: () => {
        throw error;
      },
    });
  const known = throwing(new AgenkitError("not_found", "There is no page 7"));
  assert.deepEqual(await known.execute({}), toolFailure("There is no page 7"));
  for (const error of [new Error("password=hunter2"), "hunter2", null, undefined, { hunter2: 1 }]) {
    assert.deepEqual(await throwing(error).execute({}), toolFailure("Tool 't' failed"));
  }
});

test("tool() shows of errors what its redact lets through", async () => {
  const made = tool({
    name: "t",
    description,
    redact: (error) => `${(error as Error).name}!`,
    execute: () => Promise.reject(new RangeError("secret")),
  });
  assert.deepEqual(await made.execute({}), toolFailure("RangeError!"));
});

test("tool() fails in general words when redact throws or gives no text", async () => {
  const redacts = [
    () => {
      throw new Error("oops");
    },
    () => "",
    () => undefined as never,
  ];
  for (const redact of redacts) {
    const made = tool({
      name: "t",
      description,
      redact,
      execute: () => Promise.reject(new Error("secret")),
    });
    assert.deepEqual(await made.execute({}), toolFailure("Tool 't' failed"));
  }
});

test("tool() gives its function the id, the deadline, the values and a signal", async () => {
  const tenant = createContextKey("nobody");
  const contexts: ToolContext[] = [];
  const made = tool({
    name: "t",
    description,
    execute: (_, context) => void contexts.push(context),
  });
  const deadline = performance.now() + 60_000;
  const values = createContextValues().with(tenant, "acme");
  await made.execute({}, { callId: "c7", deadline, values });
  await made.execute({});
  const [first, second] = contexts;
  assert.equal(first!.callId, "c7");
  assert.equal(first!.deadline, deadline);
  assert.equal(first!.values.get(tenant), "acme");
  assert.equal(first!.signal.aborted, false);
  assert.equal(second!.callId, "call_1");
  assert.equal(second!.deadline, undefined);
  assert.equal(second!.values.get(tenant), "nobody");
  assert.ok(second!.signal instanceof AbortSignal);
});

test("tool() rejects with the signal's reason at once, though its function does not care", async () => {
  const controller = new AbortController();
  const reason = new Error("left");
  let seen: unknown;
  const made = tool({
    name: "t",
    description,
    execute: (_, { signal }) => {
      signal.addEventListener("abort", () => seen = signal.reason);
      return new Promise(() => {});
    },
  });
  const running = made.execute({}, { signal: controller.signal });
  for (let i = 0; i < 10; i++) await null;
  controller.abort(reason);
  await assert.rejects(running, (error) => error === reason);
  assert.equal(seen, reason);
});

test("tool() does not run when the signal has aborted before", async () => {
  let ran = false;
  const made = tool({ name: "t", description, execute: () => ran = true });
  const reason = new Error("left");
  await assert.rejects(made.execute({}, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(ran, false);
});

test("tool() does not run when the deadline has passed before", async () => {
  let ran = false;
  const made = tool({ name: "t", description, execute: () => ran = true });
  await assert.rejects(made.execute({}, { deadline: performance.now() - 1 }), TimeoutError);
  assert.equal(ran, false);
});

test("tool() fails after its timeout and aborts its function", async () => {
  let aborted: unknown;
  const made = tool({
    name: "slow",
    description,
    timeoutMs: 2,
    execute: (_, { signal }) => {
      signal.addEventListener("abort", () => aborted = signal.reason);
      return new Promise(() => {});
    },
  });
  assert.deepEqual(await made.execute({}), toolFailure("Tool 'slow' timed out after 2 ms"));
  assert.ok(aborted instanceof TimeoutError);
});

test("tool() rejects when the deadline of the call passes, whatever its own timeout", async () => {
  const made = tool({
    name: "slow",
    description,
    timeoutMs: 60_000,
    execute: () => new Promise(() => {}),
  });
  await assert.rejects(made.execute({}, { deadline: performance.now() + 2 }), TimeoutError);
});

test("tool() reports a TimeoutError that its function throws as any other failure", async () => {
  const made = tool({
    name: "t",
    description,
    timeoutMs: 60_000,
    execute: () => Promise.reject(new TimeoutError("The database took too long")),
  });
  assert.deepEqual(await made.execute({}), toolFailure("The database took too long"));
});

test("tool() refuses bad definitions and says what came", () => {
  const good = { name: "t", description, execute: () => 1 };
  const bad: [object | null, RegExp][] = [
    [null, /Cannot make a tool: expected an object, got null/],
    [{ ...good, name: "" }, /'name' must be a non-empty string, got ""/],
    [{ ...good, name: 5 }, /'name' must be a non-empty string, got 5/],
    [{ ...good, description: undefined }, /tool 't' as 'description' must be a string/],
    [{ ...good, execute: "x" }, /tool 't' as 'execute' must be a function/],
    [{ ...good, redact: 5 }, /'redact' must be a function/],
    [{ ...good, parameters: null }, /'parameters' must be a Standard Schema or a JSON Schema/],
    [{ ...good, parameters: [] }, /'parameters' must be a Standard Schema or a JSON Schema/],
    [{ ...good, parameters: { type: "string" } }, /must describe an object, got the type "string"/],
    [{ ...good, parameters: { type: "objekt" } }, /must describe an object/],
    [{ ...good, parameters: {}, jsonSchema: {} }, /give a JSON Schema as 'parameters'/],
  ];
  for (const [init, expected] of bad) {
    assert.throws(() => tool(init as never), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, expected);
      return true;
    });
  }
  for (const timeoutMs of [0, -1, Number.NaN, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => tool({ ...good, timeoutMs }), /^RangeError: .*'timeoutMs' must be a posi/);
  }
});
