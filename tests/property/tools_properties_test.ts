import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@cfworker/json-schema";
import { fc } from "./fc.ts";
import { jsonText } from "./json_text.ts";
import { agent, type Json, type JsonObject, message, text } from "../../src/core/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";
import { canonical } from "../../src/tools/json_schema/canonical.ts";
import { compileJsonSchema } from "../../src/tools/json_schema/compile.ts";
import { jsonSize } from "../../src/tools/json_size.ts";
import {
  tool,
  toolAgent,
  toolFailure,
  type ToolResult,
  toToolResult,
} from "../../src/tools/mod.ts";

/** JSON as a parser gives it, without the one key that is refused. */
const json: fc.Arbitrary<Json> = fc.jsonValue({ maxDepth: 3 })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll("__proto__", "proto")) as Json);

const names = fc.constantFrom("a", "b", "c");

/** Values that often meet the schemas below. */
const value: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false, "", "a", "ab", "😀b", 0, 1, 2, 2.5, -3),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(names, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

const count = fc.nat({ max: 3 });
const number = fc.constantFrom(-3, 0, 1, 2, 2.5);
const type = fc.constantFrom("string", "number", "integer", "boolean", "null", "array", "object");

/** Schemas of all keywords that both validators know. */
const schema: fc.Arbitrary<Json> = fc.letrec<{ schema: Json }>((tie) => {
  const sub = tie("schema");
  const some = fc.array(sub, { minLength: 1, maxLength: 3 });
  const keywords = {
    type: fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 })),
    enum: fc.array(value, { minLength: 1, maxLength: 3 }),
    const: value,
    minimum: number,
    maximum: number,
    exclusiveMinimum: number,
    exclusiveMaximum: number,
    multipleOf: fc.constantFrom(1, 2, 3),
    minLength: count,
    maxLength: count,
    pattern: fc.constantFrom("^a", "b$", "^.?$"),
    properties: fc.dictionary(names, sub, { maxKeys: 3, noNullPrototype: true }),
    patternProperties: fc.dictionary(fc.constantFrom("^a$", "[bc]"), sub, {
      maxKeys: 2,
      noNullPrototype: true,
    }),
    additionalProperties: sub,
    propertyNames: sub,
    required: fc.uniqueArray(names, { maxLength: 2 }),
    dependentRequired: fc.dictionary(names, fc.uniqueArray(names, { maxLength: 2 }), {
      maxKeys: 2,
      noNullPrototype: true,
    }),
    minProperties: count,
    maxProperties: count,
    items: sub,
    prefixItems: some,
    minItems: count,
    maxItems: count,
    uniqueItems: fc.boolean(),
    allOf: some,
    anyOf: some,
    oneOf: some,
    not: sub,
    if: sub,
    then: sub,
    else: sub,
    $ref: fc.constant("#/$defs/shared"),
  };
  const picked = fc.subarray(Object.keys(keywords), { minLength: 1, maxLength: 3 })
    .chain((keys) =>
      fc.record(
        Object.fromEntries(keys.map((key) => [key, keywords[key as keyof typeof keywords]])),
        { noNullPrototype: true },
      )
    ) as fc.Arbitrary<Json>;
  return {
    schema: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.boolean(),
      type.map((name): Json => ({ type: name })),
      picked,
    ),
  };
}).schema;

test("compileJsonSchema() comes to the verdict of another validator", () => {
  fc.assert(
    fc.property(
      fc.oneof(schema, fc.constant<Json>({})),
      schema.filter((shared) => !JSON.stringify(shared).includes("$ref")),
      fc.array(value, { minLength: 5, maxLength: 20 }),
      (root, shared, values) => {
        const whole: JsonObject = { allOf: [root], $defs: { shared } };
        const reference = new Validator(whole as object, "2020-12", true);
        const check = compileJsonSchema(whole, "a test");
        for (const item of values) {
          const expected = reference.validate(item).valid;
          assert.equal(check(item) === undefined, expected, JSON.stringify({ whole, item }));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("compileJsonSchema() never throws on a value, whatever the schema", () => {
  fc.assert(fc.property(schema, json, (root, item) => {
    const whole: JsonObject = { properties: { x: root }, $defs: { shared: { items: root } } };
    let check;
    try {
      check = compileJsonSchema(whole, "a test");
    } catch (error) {
      assert.match((error as Error).message, /refers to itself in a circle/);
      return;
    }
    const verdict = check({ x: item });
    assert.ok(verdict === undefined || verdict.length > 0);
  }));
});

test("canonical() is the same exactly for equal values", () => {
  const reversed = (item: Json): Json =>
    Array.isArray(item)
      ? item.map(reversed)
      : typeof item === "object" && item !== null
      ? Object.fromEntries(Object.entries(item).reverse().map(([k, v]) => [k, reversed(v)]))
      : item;
  fc.assert(fc.property(json, value, value, (any, left, right) => {
    assert.equal(canonical(reversed(any)), canonical(any));
    assert.equal(jsonText(JSON.parse(canonical(any))), jsonText(any));
    assert.equal(canonical(left) === canonical(right), jsonText(left) === jsonText(right));
  }));
});

test("jsonSize() is the number of bytes of the JSON text, and stops at its limit", () => {
  const texts = fc.string({ unit: "binary" });
  const wild = fc.oneof(json, texts, fc.dictionary(texts, texts, { noNullPrototype: true }));
  fc.assert(fc.property(wild, fc.nat({ max: 100 }), (item, limit) => {
    const bytes = new TextEncoder().encode(JSON.stringify(item)).length;
    assert.equal(jsonSize(item, Infinity), bytes);
    assert.equal(jsonSize(item, limit) > limit, bytes > limit);
  }));
});

test("toolAgent() gives exactly one well-formed result a call, in order, whatever is asked", async () => {
  const known = ["ok", "fails", "throws", "strange", "picky"];
  const tools = [
    tool({
      name: "ok",
      description: "",
      parameters: { type: "object" },
      execute: (args) => args,
    }),
    tool({ name: "fails", description: "", execute: () => toolFailure("no") }),
    tool({ name: "throws", description: "", execute: () => Promise.reject(new Error("secret")) }),
    tool({ name: "strange", description: "", execute: () => new Map() as never }),
    tool({
      name: "picky",
      description: "",
      parameters: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
      execute: ({ n }) => n,
    }),
  ];
  const call = fc.oneof(
    json,
    fc.record(
      {
        id: fc.oneof(json, fc.string()),
        tool_name: fc.oneof(fc.constantFrom(...known), json),
        name: fc.constantFrom(...known),
        parameters: fc.oneof(json, json.map((item) => JSON.stringify(item))),
        arguments: fc.record({ n: json }, { noNullPrototype: true }),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 15 }),
      async (calls, concurrency) => {
        let results: readonly ToolResult[] = [];
        const model = agent("model", (m) => {
          if (m.role !== "tool") return { content: "", metadata: { tool_calls: calls } };
          results = (m.metadata.tool_results as Json[]).map(toToolResult);
          return "done";
        });
        const answer = await toolAgent(model, tools, { concurrency, maxCalls: 10 })
          .process(message("user", "go"));
        assert.equal(text(answer), "done");
        assert.equal(results.length, calls.length);
        for (const [index, item] of calls.entries()) {
          const given = typeof item === "object" && item !== null && "id" in item ? item.id : "";
          const { success, error, metadata } = results[index]!;
          assert.equal(success, error === null);
          assert.doesNotMatch(error ?? "", /secret/);
          if (typeof given === "string" && given !== "") assert.equal(metadata.call_id, given);
          else assert.equal(metadata.call_id, `call_${index + 1}`);
          if (index >= 10 && metadata.tool_name !== "") assert.equal(success, false);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("toolAgent() runs each call once and never more at a time than it may", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 32 }),
      fc.integer({ min: 1, max: 40 }),
      async (durations, concurrency) => {
        const clock = new TestClock();
        const runs = durations.map(() => 0);
        let running = 0;
        let most = 0;
        const wait = tool({
          name: "wait",
          description: "",
          parameters: {
            type: "object",
            properties: { index: { type: "integer" }, ms: { type: "integer" } },
            required: ["index", "ms"],
          },
          execute: async ({ index, ms }, { signal }) => {
            runs[index]!++;
            most = Math.max(most, ++running);
            await clock.sleep(ms, signal);
            running--;
            return index;
          },
        });
        let got: readonly Json[] = [];
        const model = agent("model", (m) => {
          if (m.role === "tool") {
            got = (m.metadata.tool_results as readonly JsonObject[]).map(({ data }) => data!);
            return "done";
          }
          const calls = durations.map((ms, index) => ({ name: "wait", arguments: { index, ms } }));
          return { content: "", metadata: { tool_calls: calls } };
        });
        const done = toolAgent(model, [wait], { clock, concurrency }).process(message("user", ""));
        await clock.runAll();
        await done;
        assert.deepEqual(got, durations.map((_, index) => index));
        assert.ok(runs.every((times) => times === 1));
        assert.equal(most, Math.min(concurrency, durations.length));
        assert.equal(clock.pending, 0);
      },
    ),
    { numRuns: 50 },
  );
});
