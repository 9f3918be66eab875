import assert from "node:assert/strict";
import { test } from "node:test";
import { createContextKey, createContextValues } from "../../../src/core/context.ts";

test("createContextValues() gives every key its default", () => {
  const tenant = createContextKey("public", "tenant");
  assert.equal(createContextValues().get(tenant), "public");
  assert.equal(tenant.defaultValue, "public");
  assert.equal(tenant.id.description, "tenant");
});

test("ContextValues.with() returns a new bag and leaves the old", () => {
  const tenant = createContextKey("public");
  const depth = createContextKey(0);
  const empty = createContextValues();
  const one = empty.with(tenant, "acme");
  const two = one.with(tenant, "other").with(depth, 1);
  assert.equal(empty.get(tenant), "public");
  assert.equal(one.get(tenant), "acme");
  assert.equal(one.get(depth), 0);
  assert.equal(two.get(tenant), "other");
  assert.equal(two.get(depth), 1);
  assert.equal(createContextValues().get(tenant), "public");
});

test("ContextValues tells undefined that was set from a default", () => {
  const user = createContextKey<string | undefined>("nobody");
  assert.equal(createContextValues().with(user, undefined).get(user), undefined);
});

test("createContextKey() never makes two equal keys", () => {
  const a = createContextKey(1, "same");
  const b = createContextKey(2, "same");
  const values = createContextValues().with(a, 10);
  assert.equal(values.get(a), 10);
  assert.equal(values.get(b), 2);
  assert.throws(() => (a as { defaultValue: number }).defaultValue = 3, TypeError);
});

test("createContextKey() fixes the type of its value", () => {
  const count = createContextKey(0);
  const read: number = createContextValues().get(count);
  // @ts-expect-error a string is no number
  createContextValues().with(count, "three");
  assert.equal(read, 0);
});
