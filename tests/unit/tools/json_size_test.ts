import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../src/core/mod.ts";
import { isTooDeep, jsonSize } from "../../../src/tools/json_size.ts";

test("jsonSize() counts the bytes of JSON text", () => {
  const values: Json[] = [
    null,
    true,
    false,
    0,
    -0,
    1.5,
    1e300,
    "",
    "plain",
    'quote " and \\ back',
    "\b\t\n\f\r\u0000\u001f\u007f",
    "é€😀",
    "\ud800 alone \udc00",
    "\ud800\ud800\udc00",
    [],
    {},
    [1, [], {}],
    { "é": 1, "": { "\n": [] } },
  ];
  for (const value of values) {
    const expected = new TextEncoder().encode(JSON.stringify(value)).length;
    assert.equal(jsonSize(value, Infinity), expected, JSON.stringify(value));
    assert.equal(jsonSize(value, expected), expected, "at the limit");
    assert.ok(jsonSize(value, expected - 1) > expected - 1, "above the limit");
  }
});

test("isTooDeep() counts levels of arrays and objects", () => {
  assert.equal(isTooDeep("x", 0), false);
  assert.equal(isTooDeep([], 0), true);
  assert.equal(isTooDeep([{ a: [] }], 3), false);
  assert.equal(isTooDeep([{ a: [] }], 2), true);
});
