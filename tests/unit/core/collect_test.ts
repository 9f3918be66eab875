import assert from "node:assert/strict";
import { test } from "node:test";
import { collect } from "../../../src/core/collect.ts";
import { numbers, Source } from "./fakes.ts";

const REASON = new Error("enough");
const isReason = (thrown: unknown) => thrown === REASON;

test("collect() reads a stream to its end", async () => {
  assert.deepEqual(await collect(numbers(4)), [0, 1, 2, 3]);
  assert.deepEqual(await collect(numbers(0)), []);
});

test("collect() refuses more than its limit and cancels the stream", async () => {
  const source = numbers();
  await assert.rejects(collect(source, 3), {
    code: "resource_exhausted",
    message: "Cannot collect the stream: expected at most 3 items, got more",
  });
  assert.equal(source.nexts, 4);
  assert.equal(source.returns, 1);
});

test("collect() takes exactly its limit", async () => {
  assert.deepEqual(await collect(numbers(3), 3), [0, 1, 2]);
  assert.deepEqual(await collect(numbers(0), 0), []);
  await assert.rejects(collect(numbers(1), 0), { code: "resource_exhausted" });
});

test("collect() passes the stream's error on", async () => {
  const broken = new Source<number>(() => Promise.reject(REASON));
  await assert.rejects(collect(broken), isReason);
});

test("collect() refuses a limit that is none, before it reads", async () => {
  const source = numbers(2);
  for (const limit of [NaN, -1, 1.5]) {
    await assert.rejects(collect(source, limit), {
      name: "RangeError",
      message:
        `Cannot collect the stream as 'limit' must be a non-negative integer or Infinity: current value is ${limit}`,
    });
  }
  assert.equal(source.nexts, 0);
});
