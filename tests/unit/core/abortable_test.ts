import assert from "node:assert/strict";
import { test } from "node:test";
import { abortable, closeIterator } from "../../../src/core/abortable.ts";
import { jobs, numbers, Source, turn, WatchedSignal } from "./fakes.ts";

const REASON = new Error("enough");
const isReason = (thrown: unknown) => thrown === REASON;

test("abortable() passes a promise's outcome on", async () => {
  const { signal } = new AbortController();
  assert.equal(await abortable(Promise.resolve(5), signal), 5);
  await assert.rejects(abortable(Promise.reject(new Error("broken")), signal), /broken/);
});

test("abortable() rejects with the reason at once, whatever the promise does", async () => {
  const controller = new AbortController();
  const waiting = abortable(new Promise(() => {}), controller.signal);
  let settled = false;
  waiting.catch(() => settled = true);
  controller.abort(REASON);
  await jobs(3);
  assert.ok(settled, "within a tick");
  await assert.rejects(waiting, isReason);
  await assert.rejects(abortable(Promise.resolve(1), AbortSignal.abort(REASON)), isReason);
});

test("abortable() swallows a late failure", async () => {
  const controller = new AbortController();
  const late = Promise.withResolvers<never>();
  const waiting = abortable(late.promise, controller.signal);
  controller.abort(REASON);
  await assert.rejects(waiting, isReason);
  late.reject(new Error("late"));
  const before = abortable(Promise.reject(new Error("late too")), AbortSignal.abort(REASON));
  await assert.rejects(before, isReason);
  await turn();
});

test("abortable() leaves no listener behind when a promise settles", async () => {
  const watched = new WatchedSignal();
  await abortable(Promise.resolve(), watched.signal);
  await assert.rejects(abortable(Promise.reject(new Error("x")), watched.signal));
  assert.equal(watched.added, 2);
  assert.equal(watched.listeners, 0);
});

test("abortable() passes a stream on", async () => {
  const source = numbers(3);
  const seen: number[] = [];
  const watched = new WatchedSignal();
  for await (const n of abortable(source, watched.signal)) seen.push(n);
  assert.deepEqual(seen, [0, 1, 2]);
  assert.equal(source.returns, 0, "a source that has ended is not closed");
  assert.equal(watched.listeners, 0);
  assert.ok(watched.added <= 1, "one listener a stream, not one an item");
});

test("abortable() passes a stream's error on and does not close the source", async () => {
  const source = new Source<number>((n) => {
    if (n > 0) throw new Error("broken");
    return { done: false, value: n };
  });
  const watched = new WatchedSignal();
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const n of abortable(source, watched.signal)) seen.push(n);
  }, /broken/);
  assert.deepEqual(seen, [0]);
  assert.equal(source.returns, 0);
  assert.equal(watched.listeners, 0);
});

test("abortable() ends a stream that hangs, and tells the source once without waiting", async () => {
  const controller = new AbortController();
  const source = new Source<number>(
    (n) => n === 0 ? { done: false, value: 0 } : new Promise(() => {}),
    () => new Promise(() => {}),
  );
  const stream = abortable(source, controller.signal);
  assert.deepEqual(await stream.next(), { done: false, value: 0 });
  const hanging = stream.next();
  controller.abort(REASON);
  await assert.rejects(hanging, isReason);
  assert.equal(source.returns, 1);
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.equal(source.returns, 1);
});

test("abortable() swallows what a source says after the abort", async () => {
  const controller = new AbortController();
  const late = Promise.withResolvers<never>();
  const source = new Source<number>(() => late.promise, () => {
    throw new Error("cannot close");
  });
  const hanging = abortable(source, controller.signal).next();
  await jobs();
  controller.abort(REASON);
  await assert.rejects(hanging, isReason);
  late.reject(new Error("late"));
  await turn();
});

test("abortable() keeps the reason when closing the source throws at once", async () => {
  const controller = new AbortController();
  const source: AsyncIterableIterator<number> = {
    next: () => new Promise(() => {}),
    return: () => {
      throw new Error("cannot close");
    },
    [Symbol.asyncIterator]: () => source,
  };
  const hanging = abortable(source, controller.signal).next();
  await jobs();
  controller.abort(REASON);
  await assert.rejects(hanging, isReason);
});

test("abortable() hands on nothing that came after the abort", async () => {
  const controller = new AbortController();
  const source = numbers();
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const n of abortable(source, controller.signal)) {
      seen.push(n);
      if (n === 1) controller.abort(REASON);
    }
  }, isReason);
  assert.deepEqual(seen, [0, 1]);
  assert.equal(source.nexts, 2);
  assert.equal(source.returns, 1);
});

test("abortable() does not touch a stream when the signal has aborted", async () => {
  const source = numbers();
  await assert.rejects(abortable(source, AbortSignal.abort(REASON)).next(), isReason);
  assert.equal(source.nexts, 0);
});

test("abortable() closes the source once when the consumer breaks off, and waits for it", async () => {
  let closed = false;
  const source = numbers(Infinity, async () => {
    await turn();
    closed = true;
  });
  const watched = new WatchedSignal();
  for await (const _ of abortable(source, watched.signal)) break;
  assert.ok(closed);
  assert.equal(source.returns, 1);
  assert.equal(watched.listeners, 0);
});

test("abortable() waits for a source to close no longer than until the abort", async () => {
  const controller = new AbortController();
  const source = numbers(Infinity, () => new Promise<never>(() => {}));
  let left = false;
  const leaving = (async () => {
    for await (const _ of abortable(source, controller.signal)) break;
    left = true;
  })();
  await turn();
  assert.equal(left, false);
  controller.abort(REASON);
  // Who breaks off has asked for no more: there is nothing to reject.
  await leaving;
  assert.equal(source.returns, 1);
});

test("abortable() closes the source when something is thrown into the stream", async () => {
  const source = numbers();
  const stream = abortable(source, new AbortController().signal);
  await stream.next();
  await assert.rejects(stream.throw(REASON), isReason);
  assert.equal(source.returns, 1);
});

test("abortable() takes a source whose iterator cannot be closed", async () => {
  const bare: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value: 1 }) }),
  };
  for await (const n of abortable(bare, new AbortController().signal)) {
    assert.equal(n, 1);
    break;
  }
});

test("closeIterator() passes on what closing throws, if it is waited for", async () => {
  const source = numbers(1, () => {
    throw REASON;
  });
  await assert.rejects(closeIterator(source, false), isReason);
  await closeIterator(source, true);
  await turn();
});
