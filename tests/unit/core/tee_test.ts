import assert from "node:assert/strict";
import { test } from "node:test";
import { collect } from "../../../src/core/collect.ts";
import { tee } from "../../../src/core/tee.ts";
import { jobs, numbers, Source, turn } from "./fakes.ts";

const REASON = new Error("enough");
const isReason = (thrown: unknown) => thrown === REASON;

function open<T>(stream: AsyncIterable<T> | undefined): AsyncIterator<T> {
  return stream![Symbol.asyncIterator]();
}

test("tee() lets all branches see all items", async () => {
  const branches = tee(numbers(5), { branches: 3 });
  const all = await Promise.all(branches.map((branch) => collect(branch)));
  assert.deepEqual(all, [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]);
});

test("tee() makes two branches unless told otherwise, and reads each item once", async () => {
  const source = numbers(100);
  const branches = tee(source);
  assert.equal(branches.length, 2);
  assert.equal(source.nexts, 0, "nothing is read before somebody asks");
  assert.equal((await collect(branches[0]!)).length, 100);
  assert.equal((await collect(branches[1]!)).length, 100);
  assert.equal(source.nexts, 101);
});

test("tee() lets a branch lag by its limit and no further", async () => {
  const source = numbers();
  const branches = tee(source, { limit: 3 });
  const fast = open(branches[0]);
  const slow = open(branches[1]);
  for (let i = 0; i < 3; i++) assert.equal((await fast.next()).value, i);
  let fourth: unknown;
  const waiting = fast.next().then(({ value }) => fourth = value);
  await jobs();
  assert.equal(fourth, undefined, "the fast one waits");
  assert.equal(source.nexts, 3);
  assert.equal((await slow.next()).value, 0);
  await waiting;
  assert.equal(fourth, 3);
  assert.equal(source.nexts, 4);
  await fast.return!();
  await slow.return!();
});

test("tee() goes on without a branch that was broken off", async () => {
  const source = numbers(10);
  const [a, b] = tee(source, { limit: 2 });
  for await (const n of a!) if (n === 1) break;
  assert.equal(source.returns, 0);
  assert.equal((await collect(b!)).length, 10);
});

test("tee() wakes a branch that waits for one that is broken off", async () => {
  const branches = tee(numbers(10), { limit: 1 });
  const fast = open(branches[0]);
  const slow = open(branches[1]);
  await fast.next();
  const waiting = fast.next();
  await jobs();
  await slow.next();
  await slow.return!();
  assert.equal((await waiting).value, 1);
  assert.equal((await fast.next()).value, 2);
  await fast.return!();
});

test("tee() does not wait for a branch that was closed before it was read", async () => {
  const source = numbers(10);
  const branches = tee(source, { limit: 1 });
  await open(branches[0]).return!();
  assert.equal((await collect(branches[1]!)).length, 10);
});

test("tee() closes the source when all branches were closed before they were read", async () => {
  const source = numbers(10);
  for (const branch of tee(source)) await open(branch).return!();
  assert.equal(source.returns, 1);
});

test("tee() lets a branch be closed while it waits for another", async () => {
  const source = numbers(10);
  const branches = tee(source, { limit: 1 });
  const fast = open(branches[0]);
  await fast.next();
  const waiting = fast.next();
  await jobs();
  await fast.return!();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.equal((await collect(branches[1]!)).length, 10);
});

test("tee() passes the source's error to every branch, after the items before it", async () => {
  const source = new Source<number>((n) => {
    if (n === 2) throw REASON;
    return { done: false, value: n };
  });
  for (const branch of tee(source, { branches: 3 })) {
    const seen: number[] = [];
    await assert.rejects(async () => {
      for await (const n of branch) seen.push(n);
    }, isReason);
    assert.deepEqual(seen, [0, 1]);
  }
  assert.equal(source.nexts, 3);
  assert.equal(source.returns, 0);
});

test("tee() cancels the source once, when all branches have stopped", async () => {
  let closed = false;
  const source = numbers(Infinity, async () => {
    await turn();
    closed = true;
  });
  const [a, b] = tee(source);
  for await (const _ of a!) break;
  assert.equal(source.returns, 0);
  for await (const _ of b!) break;
  assert.ok(closed, "the last one waits for the source to close");
  assert.equal(source.returns, 1);
});

test("tee() does not cancel a source that has ended", async () => {
  const source = numbers(2);
  const [a, b] = tee(source);
  await collect(a!);
  for await (const _ of b!) break;
  assert.equal(source.returns, 0);
});

test("tee() refuses options that are not positive integers", () => {
  for (const name of ["branches", "limit"]) {
    for (const value of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(() => tee(numbers(), { [name]: value }), {
        name: "RangeError",
        message: `Cannot tee as '${name}' must be a positive integer: current value is ${value}`,
      });
    }
    assert.throws(() => tee(numbers(), { [name]: "2" }), TypeError);
  }
});
