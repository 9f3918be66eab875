import assert from "node:assert/strict";
import { test } from "node:test";
import {
  describe,
  EMPTY_OBJECT,
  freezeParsed,
  type Json,
  MAX_JSON_DEPTH,
  toJson,
  toJsonObject,
} from "../../../src/core/json.ts";

function refusal(value: unknown, path?: string): string {
  try {
    toJson(value, path);
  } catch (error) {
    assert.ok(error instanceof TypeError, `expected a TypeError, got ${error}`);
    return error.message;
  }
  return assert.fail("expected a refusal, got none");
}

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let i = 0; i < levels; i++) value = i % 2 ? [value] : { in: value };
  return value;
}

test("toJson() accepts every kind of JSON", () => {
  const value = { a: [1, -0.5, "x", true, false, null, [], {}], "": { "a b": 1e308 } };
  assert.deepEqual(toJson(value), value);
  for (const scalar of [null, true, false, 0, -1.5, "", "text"]) {
    assert.equal(toJson(scalar), scalar);
  }
});

test("toJson() refuses what is not JSON, with its path", () => {
  class Score {}
  const cases: [unknown, string][] = [
    [undefined, "JSON, got undefined"],
    [() => 1, "JSON, got a function"],
    [Symbol("s"), "JSON, got a symbol"],
    [12n, "JSON, got the bigint 12n"],
    [NaN, "a finite number, got NaN"],
    [Infinity, "a finite number, got Infinity"],
    [-Infinity, "a finite number, got -Infinity"],
    [new Date(0), "a plain object, got an instance of Date"],
    [new Map(), "a plain object, got an instance of Map"],
    [new Set(), "a plain object, got an instance of Set"],
    [new Uint8Array(1), "a plain object, got an instance of Uint8Array"],
    [/x/, "a plain object, got an instance of RegExp"],
    [new Error("x"), "a plain object, got an instance of Error"],
    [Promise.resolve(), "a plain object, got an instance of Promise"],
    [new Score(), "a plain object, got an instance of Score"],
    [Object("boxed"), "a plain object, got an instance of String"],
  ];
  for (const [culprit, expected] of cases) {
    assert.equal(
      refusal({ user: { score: culprit } }, "metadata"),
      `Cannot use metadata.user.score as JSON: expected ${expected}`,
    );
    assert.equal(refusal(culprit), `Cannot use value as JSON: expected ${expected}`);
  }
});

test("toJson() writes paths as one would in code", () => {
  assert.match(refusal({ list: [0, { a: [NaN] }] }, "content"), /content\.list\[1\]\.a\[0\] as/);
  assert.match(refusal({ "a b": { 'q"': NaN } }), /value\["a b"\]\["q\\""\] as/);
  assert.match(refusal({ "": NaN }), /value\[""\] as/);
  assert.match(refusal({ $x_1: NaN }), /value\.\$x_1 as/);
  assert.match(refusal([[[undefined]]]), /value\[0\]\[0\]\[0\] as/);
});

test("toJson() names the first culprit, also after deep siblings", () => {
  assert.match(refusal({ a: { b: [1, { c: {} }] }, d: [{}, undefined] }), /value\.d\[1\] as/);
});

test("toJson() refuses a hole in an array", () => {
  // deno-lint-ignore no-sparse-arrays
  assert.match(refusal([1, , 3]), /value\[1\] as JSON: expected JSON, got undefined/);
  assert.match(refusal(new Array(2)), /value\[0\]/);
});

test("toJson() refuses cycles, through objects and arrays", () => {
  const ring: Record<string, unknown> = {};
  ring.a = { b: [ring] };
  assert.equal(
    refusal(ring, "content"),
    "Cannot use content.a.b[0] as JSON: expected a tree, got a cycle",
  );
  const list: unknown[] = [];
  list.push(list);
  assert.match(refusal(list), /value\[0\] as JSON: expected a tree, got a cycle/);
});

test("toJson() takes a value that is shared but not cyclic", () => {
  const shared = { x: [1] };
  assert.deepEqual(toJson({ a: shared, b: [shared, shared] }), {
    a: { x: [1] },
    b: [{ x: [1] }, { x: [1] }],
  });
});

test("toJson() refuses a key named __proto__", () => {
  const parsed: unknown = JSON.parse('{"a":{"__proto__":{"admin":true}}}');
  assert.equal(
    refusal(parsed, "metadata"),
    'Cannot use metadata.a as JSON: the key "__proto__" is not allowed',
  );
});

test("toJson() keeps keys that only look dangerous", () => {
  const value = { constructor: "c", prototype: "p", toString: "t", hasOwnProperty: 1 };
  const copy = toJson(value);
  assert.equal(JSON.stringify(copy), JSON.stringify(value));
  assert.equal(Object.getPrototypeOf(copy), Object.prototype);
});

test("toJson() limits the depth to 500 levels", () => {
  assert.equal(MAX_JSON_DEPTH, 500);
  assert.deepEqual(toJson(nested(500)), nested(500));
  const text = refusal(nested(501));
  assert.match(text, /expected at most 500 levels of nesting, got more/);
  assert.ok(text.length < 200, "the text stays short");
  assert.match(refusal(nested(20_000)), /500 levels/);
});

test("toJson() takes objects without a prototype and gives them the usual one", () => {
  const bare = Object.assign(Object.create(null), { a: 1 });
  const copy = toJson(bare);
  assert.deepEqual(copy, { a: 1 });
  assert.equal(Object.getPrototypeOf(copy), Object.prototype);
});

test("toJson() ignores symbol keys and what is not enumerable", () => {
  const value = Object.defineProperty({ a: 1, [Symbol("s")]: 2 }, "hidden", { value: NaN });
  assert.deepEqual(toJson(value), { a: 1 });
});

test("toJson() reads a getter once", () => {
  let reads = 0;
  const value = {
    get now() {
      return ++reads;
    },
  };
  assert.deepEqual(toJson(value), { now: 1 });
  assert.equal(reads, 1);
});

test("toJson() returns a deeply frozen copy that its source cannot reach", () => {
  const source = { list: [{ n: 1 }], inner: { k: "v" } };
  const copy = toJson(source) as { list: { n: number }[]; inner: { k: string } };
  source.list[0]!.n = 2;
  source.list.push({ n: 3 });
  source.inner.k = "changed";
  assert.deepEqual(copy, { list: [{ n: 1 }], inner: { k: "v" } });
  assert.throws(() => copy.list.push({ n: 4 }), TypeError);
  assert.throws(() => copy.list[0]!.n = 5, TypeError);
  assert.throws(() => delete (copy.inner as { k?: string }).k, TypeError);
  assert.throws(() => (copy as unknown as { extra: number }).extra = 1, TypeError);
  assert.ok(!Object.isFrozen(source) && !Object.isFrozen(source.list), "the source is left alone");
});

test("toJsonObject() takes plain objects only", () => {
  assert.deepEqual(toJsonObject({ a: 1 }), { a: 1 });
  assert.equal(toJsonObject(EMPTY_OBJECT), EMPTY_OBJECT);
  const cases: [unknown, string][] = [
    [null, "null"],
    [undefined, "undefined"],
    [[], "an array"],
    ["text", '"text"'],
    [5, "5"],
    [true, "true"],
    [() => {}, "a function"],
  ];
  for (const [value, got] of cases) {
    assert.throws(() => toJsonObject(value, "metadata"), {
      name: "TypeError",
      message: `Cannot use metadata as JSON: expected an object, got ${got}`,
    });
  }
  assert.throws(
    () => toJsonObject(new Map(), "metadata"),
    /a plain object, got an instance of Map/,
  );
});

test("freezeParsed() freezes in place, all the way down", () => {
  const value = JSON.parse('{"a":[{"b":[1]}],"c":null}') as { a: { b: number[] }[]; c: null };
  assert.equal(freezeParsed(value as unknown as Json), value);
  assert.throws(() => value.a[0]!.b.push(2), TypeError);
  assert.throws(() => (value as { c: unknown }).c = 1, TypeError);
});

test("freezeParsed() refuses __proto__ and too much depth", () => {
  assert.throws(
    () => freezeParsed(JSON.parse('{"__proto__":1}'), "content"),
    /Cannot use content as JSON: the key "__proto__" is not allowed/,
  );
  freezeParsed(nested(500) as Json);
  assert.throws(() => freezeParsed(nested(501) as Json), /at most 500 levels/);
});

test("freezeParsed() refuses a number that was too large to read", () => {
  for (const text of ["1e999", "-1e999", '{"a":[{"b":1e999}]}']) {
    const path = text.startsWith("{") ? "content\\.a\\[0\\]\\.b" : "content";
    assert.throws(
      () => freezeParsed(JSON.parse(text), "content"),
      new RegExp(`Cannot use ${path} as JSON: expected a finite number, got -?Infinity`),
    );
  }
});

test("describe() names any value shortly and never throws", () => {
  const shy = Object.create(Object.defineProperty({}, "constructor", {
    get: () => assert.fail("not to be asked"),
  }));
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const cases: [unknown, string | RegExp][] = [
    [null, "null"],
    [undefined, "undefined"],
    ["a\n", '"a\\n"'],
    ["x".repeat(61), "a string of 61 characters"],
    [-0, "0"],
    [1n, "the bigint 1n"],
    [2n ** 4096n, /^a.* bigint/],
    [() => {}, "a function"],
    [Symbol.iterator, "a symbol"],
    [[], "an array"],
    [{}, "an object"],
    [Object.create(null), "an object"],
    [new Date(), "an instance of Date"],
    [Object.create({ constructor: 5 }), "an object"],
    [shy, "an object"],
    [revoked.proxy, "an object"],
  ];
  for (const [value, expected] of cases) {
    const text = describe(value);
    if (typeof expected === "string") assert.equal(text, expected);
    else assert.match(text, expected);
    assert.ok(text.length < 80);
  }
});
