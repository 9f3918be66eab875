import assert from "node:assert/strict";
import { test } from "node:test";
import {
  and,
  contentContains,
  metadataEquals,
  metadataHasKey,
  not,
  or,
  roleEquals,
} from "../../../src/compose/mod.ts";
import { type Json, message } from "../../../src/core/mod.ts";
import { ask } from "./support.ts";

const yes = () => true;
const no = () => false;
const boom = () => {
  throw new Error("asked");
};

test("contentContains() finds text, with the same case", () => {
  assert.equal(contentContains("i")(ask), true);
  assert.equal(contentContains("I")(ask), false);
  assert.equal(contentContains("")(ask), true);
});

test("contentContains() reads content that is no text as text() does, and never throws", () => {
  const holds = (content: Json) => contentContains("4")(message("user", content));
  assert.equal(holds(42), true);
  assert.equal(holds({ a: [4] }), true);
  assert.equal(holds(null), false);
  assert.equal(holds(true), false);
});

test("roleEquals() compares the role", () => {
  assert.equal(roleEquals("user")(ask), true);
  assert.equal(roleEquals("agent")(ask), false);
});

test("metadataHasKey() looks at own keys only", () => {
  assert.equal(metadataHasKey("k")(message("user", "", { k: null })), true);
  assert.equal(metadataHasKey("k")(ask), false);
  assert.equal(metadataHasKey("toString")(ask), false);
});

test("metadataEquals() requires the key to be there, even for null", () => {
  assert.equal(metadataEquals("k", null)(ask), false);
  assert.equal(metadataEquals("k", null)(message("user", "", { k: null })), true);
  assert.equal(metadataEquals("constructor", null)(ask), false);
});

test("metadataEquals() compares values all the way down", () => {
  const equal = (a: Json, b: Json) => metadataEquals("k", a)(message("user", "", { k: b }));
  assert.equal(equal(1, 1.0), true);
  assert.equal(equal(1, "1"), false);
  assert.equal(equal([1, { a: [] }], [1, { a: [] }]), true);
  assert.equal(equal([1, 2], [1]), false);
  assert.equal(equal({ a: 1, b: 2 }, { b: 2, a: 1 }), true);
  assert.equal(equal({ a: 1 }, { a: 1, b: 2 }), false);
  assert.equal(equal({ a: 1, b: 2 }, { a: 1 }), false);
  assert.equal(equal({ a: 1, c: 2 }, { a: 1, b: 2 }), false);
  assert.equal(equal("", {}), false);
  assert.equal(equal({}, 5), false);
  assert.equal(equal([], {}), false);
  assert.equal(equal({}, []), false);
  assert.equal(equal(null, {}), false);
  assert.equal(equal({ toString: 1 }, { a: 1 }), false);
});

test("metadataEquals() is not reached by later changes to the value given", () => {
  const wanted = { a: 1 };
  const condition = metadataEquals("k", wanted);
  wanted.a = 2;
  assert.equal(condition(message("user", "", { k: { a: 1 } })), true);
});

test("and() holds when all hold, stops at the first that does not, and holds of none", () => {
  assert.equal(and(yes, yes)(ask), true);
  assert.equal(and(yes, no, boom)(ask), false);
  assert.equal(and()(ask), true);
});

test("or() holds when one holds, stops at the first that does, and does not hold of none", () => {
  assert.equal(or(no, yes, boom)(ask), true);
  assert.equal(or(no, no)(ask), false);
  assert.equal(or()(ask), false);
});

test("not() turns a condition round", () => {
  assert.equal(not(yes)(ask), false);
  assert.equal(not(no)(ask), true);
});

test("and(), or() and not() wait for asynchronous conditions", async () => {
  const later = (verdict: boolean) => () => Promise.resolve(verdict);
  assert.equal(await and(yes, later(true), yes)(ask), true);
  assert.equal(await and(later(true), no, boom)(ask), false);
  assert.equal(await and(later(false), boom)(ask), false);
  assert.equal(await or(later(false), later(true), boom)(ask), true);
  assert.equal(await or(no, later(false))(ask), false);
  assert.equal(await not(later(true))(ask), false);
  await assert.rejects(async () => await or(later(false), boom)(ask), /asked/);
});

test("and(), or() and not() hand the call's options on", () => {
  const { signal } = new AbortController();
  const seen: unknown[] = [];
  const look = (_: unknown, call?: { signal?: AbortSignal | undefined }) => {
    seen.push(call?.signal);
    return true;
  };
  and(look, or(look, no), not(look))(ask, { signal });
  assert.deepEqual(seen, [signal, signal, signal]);
});

test("and(), or() and not() refuse a verdict that is neither true nor false", async () => {
  const odd = (() => "yes") as never;
  const oddLater = (() => Promise.resolve(1)) as never;
  for (const make of [and, or, not]) {
    assert.throws(() => make(odd)(ask), /expected true or false, got "yes"/);
    await assert.rejects(async () => await make(oddLater)(ask), /expected true or false, got 1/);
  }
});

test("conditions refuse bad arguments when they are made", () => {
  assert.throws(() => contentContains(1 as never), /'part' must be a string/);
  assert.throws(() => roleEquals(undefined as never), TypeError);
  assert.throws(() => metadataHasKey(null as never), TypeError);
  assert.throws(() => metadataEquals("k", undefined as never), TypeError);
  assert.throws(() => metadataEquals(1 as never, 1), TypeError);
  assert.throws(() => and(yes, 1 as never), /condition 1 must be a function/);
  assert.throws(() => or("x" as never), TypeError);
  assert.throws(() => not(undefined as never), TypeError);
});
