import assert from "node:assert/strict";
import { test } from "node:test";
import { type Json, toJson, toJsonObject } from "../../../src/core/mod.ts";
import { compileJsonSchema } from "../../../src/tools/json_schema/compile.ts";

/** Says what is wrong with a value, or nothing. */
function check(schema: unknown, value: unknown): string | undefined {
  return compileJsonSchema(toJsonObject(schema), "a test")(toJson(value));
}

function fits(schema: unknown, ...values: readonly unknown[]): void {
  for (const value of values) {
    assert.equal(check(schema, value), undefined, JSON.stringify(value));
  }
}

function refuses(schema: unknown, ...cases: readonly (readonly [Json, string])[]): void {
  for (const [value, expected] of cases) {
    assert.equal(check(schema, value), expected, JSON.stringify(value));
  }
}

function invalid(schema: unknown, expected: string): void {
  assert.throws(() => check(schema, null), {
    name: "TypeError",
    message: `Cannot use the JSON Schema of a test: ${expected}`,
  });
}

test("compileJsonSchema() knows the types, alone and in lists", () => {
  const samples: Record<string, Json> = {
    string: "x",
    number: 1.5,
    integer: 1,
    boolean: true,
    null: null,
    array: [],
    object: {},
  };
  for (const type of Object.keys(samples)) {
    for (const [other, value] of Object.entries(samples)) {
      const expected = type === other || (type === "number" && other === "integer");
      assert.equal(check({ type }, value) === undefined, expected, `${type}: ${other}`);
    }
  }
  fits({ type: "integer" }, 1, -0, 1e300);
  fits({ type: ["string", "null"] }, "x", null);
  refuses({ type: ["string", "null"] }, [5, "expected a string or null, got 5"]);
  invalid({ type: "text" }, "#: 'type' must be a name of a JSON type, got \"text\"");
  invalid({ type: [] }, "#: 'type' must name a type");
  invalid({ type: "constructor" }, "#: 'type' must be a name of a JSON type, got \"constructor\"");
});

test("compileJsonSchema() compares enum and const by value", () => {
  fits({ enum: [1, "a", { x: [1], y: 2 }] }, 1, "a", { y: 2, x: [1] });
  refuses(
    { enum: ["a", { x: 1 }] },
    ["b", 'expected one of "a", {"x":1}, got "b"'],
    [{ x: 2 }, 'expected one of "a", {"x":1}, got an object'],
  );
  fits({ const: { a: null } }, { a: null });
  refuses({ const: 5 }, ["5", 'expected 5, got "5"']);
  refuses({ enum: [] }, [5, "expected , got 5"]);
  invalid({ enum: "a" }, "#: 'enum' must be an array");
});

test("compileJsonSchema() holds numbers to their bounds", () => {
  fits({ minimum: 1, maximum: 3 }, 1, 3, "text");
  refuses({ minimum: 1 }, [0.5, "expected a number of at least 1, got 0.5"]);
  refuses({ maximum: 3 }, [3.1, "expected a number of at most 3, got 3.1"]);
  refuses({ exclusiveMinimum: 1 }, [1, "expected a number above 1, got 1"]);
  refuses({ exclusiveMaximum: 1 }, [1, "expected a number below 1, got 1"]);
  invalid({ minimum: "1" }, "#: 'minimum' must be a number, got \"1\"");
  invalid({ exclusiveMinimum: true }, "#: 'exclusiveMinimum' must be a number, got true");
});

test("compileJsonSchema() knows multiples, of fractions too", () => {
  fits({ multipleOf: 5 }, 0, -10, 15, "text");
  fits({ multipleOf: 0.1 }, 0.3, 1.1, 7, 1e15);
  fits({ multipleOf: 0.01 }, 19.99, 4.35, 1.13);
  refuses({ multipleOf: 5 }, [7, "expected a multiple of 5, got 7"]);
  refuses({ multipleOf: 0.1 }, [0.35, "expected a multiple of 0.1, got 0.35"]);
  refuses({ multipleOf: 2 }, [9007199254740991, "expected a multiple of 2, got 9007199254740991"]);
  invalid({ multipleOf: 0 }, "#: 'multipleOf' must be a positive number, got 0");
});

test("compileJsonSchema() counts characters by code points", () => {
  fits({ minLength: 2, maxLength: 3 }, "ab", "abc", "😀😀😀", 5);
  refuses({ minLength: 2 }, ["😀", "expected at least 2 characters, got 1"]);
  refuses({ maxLength: 3 }, ["abcd", "expected at most 3 characters, got more"]);
  invalid({ minLength: -1 }, "#: 'minLength' must be a non-negative integer, got -1");
});

test("compileJsonSchema() matches patterns anywhere in text", () => {
  fits({ pattern: "^a+$" }, "aaa", 5);
  fits({ pattern: "\\p{L}" }, "1é");
  refuses({ pattern: "^a+$" }, ["ab", 'expected text that matches ^a+$, got "ab"']);
  invalid({ pattern: "(" }, "#: 'pattern' must be a regular expression, got \"(\"");
});

test("compileJsonSchema() looks at the length of text before a slow pattern", () => {
  const start = performance.now();
  refuses({ pattern: "^(a+)+$", maxLength: 50 }, [
    "a".repeat(100) + "!",
    "expected at most 50 characters, got more",
  ]);
  assert.ok(performance.now() - start < 10_000);
});

test("compileJsonSchema() checks properties, and says which", () => {
  const schema = {
    type: "object",
    properties: {
      user: { type: "object", properties: { "first name": { type: "string" } } },
      tags: { type: "array", items: { type: "string" } },
    },
    required: ["user"],
  };
  fits(schema, { user: {} }, { user: { "first name": "Ada" }, tags: ["x"], more: 1 });
  refuses(
    schema,
    [{}, "expected a property 'user'"],
    [{ user: { "first name": 5 } }, 'user["first name"]: expected a string, got 5'],
    [{ user: {}, tags: ["a", 5] }, "tags[1]: expected a string, got 5"],
  );
  invalid({ required: "a" }, "#: 'required' must be an array of strings, got \"a\"");
  invalid({ properties: { a: 5 } }, "#/properties/a: expected a schema, got 5");
  invalid({ properties: [] }, "#: 'properties' must be an object, got an array");
});

test("compileJsonSchema() knows additional, pattern and named properties", () => {
  const schema = {
    properties: { a: {} },
    patternProperties: { "^n_": { type: "number" } },
    additionalProperties: { type: "string" },
  };
  fits(schema, { a: 1, n_x: 2, other: "x" }, "no object");
  refuses(
    schema,
    [{ n_x: "2" }, 'n_x: expected a number, got "2"'],
    [{ other: 5 }, "other: expected a string, got 5"],
  );
  refuses({ additionalProperties: false }, [{ a: 1 }, "a: expected no such property"]);
  fits({ propertyNames: { pattern: "^[a-z]+$" } }, { abc: 1 });
  refuses({ propertyNames: { maxLength: 2 } }, [
    { abc: 1 },
    "abc: as a name: expected at most 2 characters, got more",
  ]);
  refuses({ minProperties: 1 }, [{}, "expected at least 1 properties, got 0"]);
  refuses({ maxProperties: 1 }, [{ a: 1, b: 2 }, "expected at most 1 properties, got more"]);
  refuses({ dependentRequired: { a: ["b"] } }, [
    { a: 1 },
    "expected a property 'b' beside 'a'",
  ]);
  fits({ dependentRequired: { a: ["b"] } }, { b: 1 }, { a: 1, b: 1 }, 5);
});

test("compileJsonSchema() treats names that objects inherit as any other", () => {
  refuses({ required: ["toString"] }, [{}, "expected a property 'toString'"]);
  fits({ properties: { toString: { type: "string" } } }, {});
  refuses({ additionalProperties: false }, [
    { constructor: 1 } as never,
    "constructor: expected no such property",
  ]);
  fits({ dependentRequired: { toString: ["x"] } }, {});
});

test("compileJsonSchema() checks items, one by one and by place", () => {
  const pair = { prefixItems: [{ type: "string" }, { type: "number" }], items: false };
  fits(pair, [], ["a"], ["a", 1], "no array");
  refuses(
    pair,
    [[1], "[0]: expected a string, got 1"],
    [["a", 1, 2], "[2]: expected nothing, got 2"],
  );
  refuses({ minItems: 2 }, [[1], "expected at least 2 items, got 1"]);
  refuses({ maxItems: 1 }, [[1, 2], "expected at most 1 items, got more"]);
  fits({ uniqueItems: true }, [1, "1", [1], { a: 1 }], [], 5);
  fits({ uniqueItems: false }, [1, 1]);
  refuses({ uniqueItems: true }, [
    [{ a: 1, b: 2 }, { b: 2, a: 1 }],
    "expected items that all differ",
  ]);
  invalid({ items: [{}] }, "#: 'items' must be a schema; use 'prefixItems' for a list");
});

test("compileJsonSchema() combines schemas", () => {
  fits({ allOf: [{ type: "number" }, { minimum: 1 }] }, 1);
  refuses({ allOf: [{ type: "number" }, { minimum: 1 }] }, [
    0,
    "expected a number of at least 1, got 0",
  ]);
  const either = {
    anyOf: [{ type: "string" }, { properties: { a: { type: "number" } }, type: "object" }],
  };
  fits(either, "x", { a: 1 });
  refuses(either, [
    { a: "1" },
    "expected one of the alternatives to fit " +
    '(expected a string, got an object; a: expected a number, got "1")',
  ]);
  const one = { oneOf: [{ minimum: 1 }, { maximum: 3 }] };
  fits(one, 0, 4);
  refuses(one, [2, "expected exactly one alternative to fit, 2 of 2 do"]);
  fits({ not: { type: "null" } }, 1);
  refuses({ not: { type: "null" } }, [
    null,
    "expected what the schema excludes not to come, got null",
  ]);
  invalid({ anyOf: [] }, "#: 'anyOf' must be a non-empty array of schemas, got an array");
});

test("compileJsonSchema() decides by if, then and else", () => {
  const schema = { if: { type: "string" }, then: { minLength: 2 }, else: { type: "number" } };
  fits(schema, "ab", 5);
  refuses(schema, ["a", "expected at least 2 characters, got 1"], [
    null,
    "expected a number, got null",
  ]);
  fits({ if: { type: "string" }, then: { minLength: 2 } }, 5, null);
  fits({ then: false }, 5);
});

test("compileJsonSchema() takes true and false for schemas", () => {
  fits({ properties: { a: true } }, { a: 1 });
  refuses({ properties: { a: false } }, [{ a: 1 }, "a: expected nothing, got 1"]);
});

test("compileJsonSchema() follows references within the schema", () => {
  const schema = {
    $id: "https://example.org/tree",
    $ref: "#/$defs/tree~1node%25",
    $defs: {
      "tree/node%": {
        type: "object",
        properties: {
          value: { type: "number" },
          children: { type: "array", items: { $ref: "#/$defs/tree~1node%25" } },
        },
        required: ["value"],
      },
    },
  };
  fits(schema, { value: 1, children: [{ value: 2, children: [] }] });
  refuses(schema, [
    { value: 1, children: [{ value: 2, children: [{}] }] },
    "children[0].children[0]: expected a property 'value'",
  ]);
  fits({ type: "array", items: { $ref: "#" } }, [[], [[]]]);
  refuses({ type: "array", items: { $ref: "#" } }, [[[], [5]], "[1][0]: expected an array, got 5"]);
  refuses({ definitions: { a: { type: "string" } }, $ref: "#/definitions/a", maxLength: 1 }, [
    "ab",
    "expected at most 1 characters, got more",
  ]);
  invalid({ $ref: "#/$defs/a" }, "#: '$ref' leads nowhere: \"#/$defs/a\"");
  invalid({ $ref: "other.json" }, "#: '$ref' must begin with '#/', got \"other.json\"");
  invalid({ $ref: "#anchor" }, "#: '$ref' must begin with '#/', got \"#anchor\"");
  invalid({ $ref: 5 }, "#: '$ref' must be a string, got 5");
  invalid({ $ref: "#/constructor" }, "#: '$ref' leads nowhere: \"#/constructor\"");
});

test("compileJsonSchema() refuses schemas that lead back to themselves at once", () => {
  const circle = "the schema refers to itself in a circle";
  invalid({ $ref: "#" }, `#: ${circle}`);
  invalid({ anyOf: [{ type: "string" }, { $ref: "#" }] }, `#: ${circle}`);
  invalid(
    { $defs: { a: { $ref: "#/$defs/b" }, b: { not: { $ref: "#/$defs/a" } } } },
    `#/$defs/a: ${circle}`,
  );
});

test("compileJsonSchema() refuses keywords it does not know, wherever they are", () => {
  invalid(
    { unevaluatedProperties: false },
    "#: the keyword 'unevaluatedProperties' is not supported",
  );
  invalid(
    { properties: { a: { items: { nullable: true } } } },
    "#/properties/a/items: the keyword 'nullable' is not supported",
  );
  invalid({ $defs: { a: { contains: {} } } }, "#/$defs/a: the keyword 'contains' is not supported");
  invalid(
    { properties: { a: { $id: "x" } } },
    "#/properties/a: the keyword '$id' is not supported",
  );
  invalid(
    { if: {}, then: { constructor: 1 } },
    "#/then: the keyword 'constructor' is not supported",
  );
});

test("compileJsonSchema() lets annotations be", () => {
  fits({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "t",
    description: "d",
    default: 5,
    examples: [1],
    deprecated: true,
    format: "email",
    $comment: "c",
    "x-order": 1,
  }, "no address");
});

test("compileJsonSchema() ends soon on values made to take long", () => {
  // Every level of nesting doubles the work.
  const explosive = {
    anyOf: [
      { type: "array", items: { $ref: "#" } },
      { type: "array", items: { $ref: "#" }, title: "the same" },
      { type: "string" },
    ],
  };
  let deep: unknown = 5;
  for (let i = 0; i < 300; i++) deep = [deep];
  const start = performance.now();
  assert.equal(check(explosive, deep), "expected a value that is quicker to check");
  assert.equal(check({ not: explosive }, deep), "expected a value that is quicker to check");
  assert.ok(performance.now() - start < 20_000);
});

test("compileJsonSchema() checks a large value in a while", () => {
  const value = toJson(Array.from({ length: 200_000 }, (_, i) => i));
  const schema = { type: "array", items: { type: "integer" }, uniqueItems: true };
  const start = performance.now();
  assert.equal(check(schema, value), undefined);
  assert.ok(performance.now() - start < 20_000);
});

test("compileJsonSchema() says what is wrong in a few words, however deep it is", () => {
  const nested = { anyOf: [{ type: "array", items: { $ref: "#" } }, { type: "string" }] };
  const listed = { type: ["array", "string"], items: { $ref: "#" } };
  let deep: unknown = 5;
  for (let i = 0; i < 300; i++) deep = [deep];
  for (const schema of [nested, listed]) assert.ok(check(schema, deep)!.length < 600);
});

test("compileJsonSchema() shows little of a value that does not fit", () => {
  const secret = "hunter2".repeat(100);
  for (const schema of [{ type: "number" }, { enum: [1] }, { pattern: "^x$" }]) {
    assert.doesNotMatch(check(schema, secret)!, /hunter2/);
  }
  const name = "k".repeat(1000);
  assert.ok(check({ additionalProperties: false }, { [name]: 1 })!.length < 150);
});
