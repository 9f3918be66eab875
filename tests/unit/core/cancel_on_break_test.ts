import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallOptions } from "../../../src/core/call.ts";
import { cancelOnBreak } from "../../../src/core/cancel_on_break.ts";
import { collect } from "../../../src/core/collect.ts";
import { numbers, Source, WatchedSignal } from "./fakes.ts";

const REASON = new Error("enough");
const isReason = (thrown: unknown) => thrown === REASON;

test("cancelOnBreak() passes a stream on, with options to call with", async () => {
  const key = { deadline: 7 };
  let given: CallOptions | undefined;
  const stream = cancelOnBreak((call) => {
    given = call;
    return numbers(3);
  }, key);
  assert.equal(given, undefined, "nothing starts before it is read");
  assert.deepEqual(await collect(stream), [0, 1, 2]);
  assert.equal(given!.deadline, 7);
  assert.ok(!given!.signal!.aborted, "a stream that has ended is not cancelled");
});

test("cancelOnBreak() aborts its signal before it waits for the source to close", async () => {
  let signal: AbortSignal | undefined;
  const order: string[] = [];
  const source = numbers(Infinity, async () => {
    // What holds the source's end up: it goes on only once the signal aborts.
    order.push(signal!.aborted ? "return after abort" : "return before abort");
    await new Promise<void>((resolve) => {
      if (signal!.aborted) resolve();
      else signal!.addEventListener("abort", () => resolve());
    });
    order.push("closed");
  });
  for await (
    const _ of cancelOnBreak((call) => {
      signal = call.signal;
      return source;
    })
  ) break;
  assert.deepEqual(order, ["return after abort", "closed"]);
  assert.equal((signal!.reason as DOMException).name, "AbortError");
  assert.equal(source.returns, 1);
});

test("cancelOnBreak() aborts when the consumer throws, also into the stream", async () => {
  for (const thrown of [false, true]) {
    let signal: AbortSignal | undefined;
    const source = numbers();
    const stream = cancelOnBreak((call) => {
      signal = call.signal;
      return source;
    });
    if (thrown) {
      await stream.next();
      await assert.rejects(stream.throw(REASON), isReason);
    } else {
      await assert.rejects(async () => {
        for await (const _ of stream) throw REASON;
      }, isReason);
    }
    assert.ok(signal!.aborted);
    assert.equal(source.returns, 1);
  }
});

test("cancelOnBreak() passes the caller's abort on, and lets go of the caller", async () => {
  const caller = new WatchedSignal();
  let signal: AbortSignal | undefined;
  const stream = cancelOnBreak((call) => {
    signal = call.signal;
    return new Source<number>((n) => {
      if (signal!.aborted) throw signal!.reason;
      return { done: false, value: n };
    });
  }, { signal: caller.signal });
  await stream.next();
  assert.equal(caller.listeners, 1);
  caller.controller.abort(REASON);
  assert.equal(signal!.reason, REASON);
  await assert.rejects(stream.next(), isReason);
  for (const items of [0, 2, Infinity]) {
    const watched = new WatchedSignal();
    const started = cancelOnBreak((call) => {
      assert.ok(call.signal);
      return numbers(items);
    }, { signal: watched.signal });
    for await (const n of started) if (n === 5) break;
    assert.equal(watched.listeners, 0, `${items} items`);
  }
});

test("cancelOnBreak() lets go of the caller when the stream fails, or cannot start", async () => {
  const watched = new WatchedSignal();
  const starts = [
    () => {
      throw REASON;
    },
    () => new Source<number>(() => Promise.reject(REASON)),
  ];
  for (const start of starts) {
    const stream = cancelOnBreak((call) => {
      assert.ok(call.signal);
      return start();
    }, { signal: watched.signal });
    await assert.rejects(collect(stream), isReason);
  }
  assert.equal(watched.added, 2);
  assert.equal(watched.listeners, 0);
});
