import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "./fc.ts";
import { jsonText } from "./json_text.ts";
import { describe, freezeParsed, type Json, toJson } from "../../src/core/json.ts";

/** JSON as a parser gives it: usual prototypes, no negative zero. */
const parsed = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);

function some(value: unknown, holds: (value: unknown, key?: string) => boolean): boolean {
  if (holds(value)) return true;
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, item]) => holds(item, key) || some(item, holds));
}

const hasProto = (value: unknown) => some(value, (_, key) => key === "__proto__");
const isThawed = (value: unknown) => typeof value === "object" && !Object.isFrozen(value);

test("toJson() copies any JSON exactly, deeply frozen", () => {
  fc.assert(
    fc.property(parsed, (value) => {
      fc.pre(!hasProto(value));
      const before = JSON.stringify(value);
      const copy = toJson(value);
      assert.equal(jsonText(copy), jsonText(value));
      assert.equal(JSON.stringify(copy), before, "with the keys in their order");
      assert.ok(!some(copy, isThawed));
      assert.equal(JSON.stringify(value), before);
      assert.equal(jsonText(toJson(copy)), jsonText(copy));
    }),
    { numRuns: 500 },
  );
});

test("toJson() refuses whatever has a __proto__ key, and nothing else of JSON", () => {
  const withProto = fc.jsonValue().map((value) =>
    JSON.parse(JSON.stringify({ a: [value, "here"] }).replace('"here"', '{"__proto__":1}'))
  );
  fc.assert(fc.property(withProto, (value) => {
    assert.throws(() => toJson(value), /"__proto__" is not allowed/);
    assert.throws(() => freezeParsed(value), /"__proto__" is not allowed/);
  }));
});

test("toJson() of anything refuses it with a path, or gives what survives the wire", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true,
    withBoxedValues: true,
  });
  fc.assert(
    fc.property(anything, (value) => {
      let copy: Json;
      try {
        copy = toJson(value, "content");
      } catch (error) {
        assert.ok(error instanceof TypeError, `${error}`);
        assert.match(error.message, /^Cannot use content.* as JSON: /s);
        return;
      }
      assert.equal(jsonText(JSON.parse(JSON.stringify(copy))), jsonText(unsigned(copy)));
      assert.ok(!some(copy, isThawed));
    }),
    { numRuns: 1000 },
  );
});

test("freezeParsed() freezes any parsed JSON in place", () => {
  fc.assert(fc.property(parsed, (value) => {
    fc.pre(!hasProto(value));
    const before = JSON.stringify(value);
    assert.equal(freezeParsed(value), value);
    assert.equal(JSON.stringify(value), before);
    assert.ok(!some(value, isThawed));
  }));
});

test("describe() never throws, and is short", () => {
  fc.assert(fc.property(fc.anything({ withBigInt: true, withNullPrototype: true }), (value) => {
    assert.ok(describe(value).length < 200);
  }));
});

/** JSON text has no negative zero. */
function unsigned(value: Json): Json {
  if (value === 0) return 0;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(unsigned);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unsigned(item)]));
}
