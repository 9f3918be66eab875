import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError } from "../../../src/core/mod.ts";
import { type Tool, tool, toolRegistry, toolSuccess } from "../../../src/tools/mod.ts";
import { add } from "./fakes.ts";

function named(name: string, description = `Does ${name}`): Tool {
  return tool({ name, description, execute: () => name });
}

test("toolRegistry() gives the very tool that was registered", () => {
  const registry = toolRegistry();
  registry.register(add);
  assert.equal(registry.get("add"), add);
});

test("toolRegistry() holds several tools", () => {
  const other = named("other");
  const registry = toolRegistry([add, other]);
  assert.equal(registry.get("add"), add);
  assert.equal(registry.get("other"), other);
});

test("toolRegistry() refuses null and undefined", () => {
  assert.throws(() => toolRegistry().register(null as never), /^TypeError: Tool cannot be null/);
  assert.throws(() => toolRegistry().register(undefined as never), /^TypeError: Tool cannot be un/);
});

test("toolRegistry() refuses an empty name", () => {
  assert.throws(
    () => toolRegistry().register({ ...add, name: "" }),
    /^TypeError: Tool name cannot be empty$/,
  );
});

test("toolRegistry() refuses what is no tool", () => {
  for (const value of [5, {}, { name: "x" }, { name: "x", description: "", execute: 1 }]) {
    assert.throws(
      () => toolRegistry().register(value as never),
      /Cannot register a tool: expected/,
    );
  }
});

test("toolRegistry() refuses a second tool of a name, and names it", () => {
  const registry = toolRegistry([add]);
  assert.throws(() => registry.register(named("add")), (error) => {
    assert.ok(error instanceof AgenkitError);
    assert.equal(error.code, "already_exists");
    assert.equal(error.message, "Tool 'add' is already registered");
    return true;
  });
  assert.equal(registry.get("add"), add);
});

test("toolRegistry() refuses parameters it could not check, when the tool is registered", () => {
  const foreign: Tool = {
    name: "foreign",
    description: "",
    parameters: { type: "object", unevaluatedProperties: false },
    execute: () => Promise.resolve(toolSuccess()),
  };
  assert.throws(() => toolRegistry([foreign]), /'unevaluatedProperties' is not supported/);
});

test("toolRegistry() knows nothing of names that were not registered", () => {
  const registry = toolRegistry([add]);
  for (const name of ["nothing", "", "__proto__", "constructor", "toString"]) {
    assert.equal(registry.get(name), undefined);
  }
  assert.equal(toolRegistry().get("add"), undefined);
});

test("toolRegistry() lists tools in the order they were added", () => {
  assert.deepEqual(toolRegistry().list(), []);
  const tools = ["c", "a", "b"].map((name) => named(name));
  assert.deepEqual(toolRegistry(tools).list().map(({ name }) => name), ["c", "a", "b"]);
});

test("toolRegistry() gives lists that do not change it", () => {
  const registry = toolRegistry([add]);
  (registry.list() as Tool[]).pop();
  assert.equal(registry.list().length, 1);
});

test("toolRegistry() unregisters", () => {
  const registry = toolRegistry([add]);
  assert.equal(registry.unregister("add"), true);
  assert.equal(registry.get("add"), undefined);
  assert.equal(registry.unregister("add"), false);
  registry.register(add);
  assert.equal(registry.get("add"), add);
});

test("toolRegistry() describes no tools in the peers' words", () => {
  assert.equal(toolRegistry().descriptions(), "No tools available.");
});

test("toolRegistry() describes tools a line each, sorted by name", () => {
  const registry = toolRegistry([named("search", "Finds things"), add]);
  assert.equal(
    registry.descriptions(),
    "Available tools:\n- add: Adds two numbers\n- search: Finds things",
  );
});

test("toolRegistry() gives the schemas that a model needs", () => {
  const foreign: Tool = {
    name: "foreign",
    description: "Of somebody else",
    execute: () => Promise.resolve(toolSuccess()),
  };
  assert.deepEqual(toolRegistry([named("dice"), foreign, add]).schemas(), [
    {
      name: "dice",
      description: "Does dice",
      parameters: { type: "object", properties: {}, additionalProperties: false },
    },
    { name: "foreign", description: "Of somebody else", parameters: { type: "object" } },
    { name: "add", description: "Adds two numbers", parameters: add.parameters },
  ]);
});
