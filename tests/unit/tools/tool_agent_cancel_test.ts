import assert from "node:assert/strict";
import { test } from "node:test";
import { createContextKey, createContextValues, message } from "../../../src/core/mod.ts";
import { TimeoutError } from "../../../src/core/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { type Tool, tool, toolAgent, type ToolContext } from "../../../src/tools/mod.ts";
import { add, asking, echo, errorsOf, peerCall, scripted } from "./fakes.ts";

const go = message("user", "go");

/** A tool that never ends and does not care who waits; keeps the contexts of its runs. */
function stuck(name = "stuck", timeoutMs?: number): { tool: Tool; contexts: ToolContext[] } {
  const contexts: ToolContext[] = [];
  const made = tool({
    name,
    description: "Never ends",
    timeoutMs,
    execute: (_, context) => {
      contexts.push(context);
      return new Promise(() => {});
    },
  });
  return { tool: made, contexts };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await null;
}

test("toolAgent() fails a tool after its own timeout and goes on", async () => {
  const clock = new TestClock();
  const { tool: slow, contexts } = stuck("slow", 100);
  const { model, given } = scripted([peerCall("slow"), peerCall("add", { a: 1, b: 1 })], "done");
  const running = toolAgent(model, [slow, add], { clock }).process(go);
  await clock.advance(99);
  assert.equal(given.length, 1);
  await clock.advance(1);
  assert.equal((await running).content, "done");
  assert.deepEqual(errorsOf(given[1]!), ["Tool 'slow' timed out after 100 ms", null]);
  assert.ok(contexts[0]!.signal.reason instanceof TimeoutError);
  assert.equal(contexts[0]!.deadline, 100);
  assert.equal(clock.pending, 0);
});

test("toolAgent() fails tools after its timeout, unless they have one of their own", async () => {
  const clock = new TestClock();
  const [one, two, three] = [stuck("one"), stuck("two", 300), stuck("three", Infinity)];
  const { model, given } = scripted([peerCall("one"), peerCall("two")], "done");
  const tools = [one.tool, two.tool, three.tool];
  const running = toolAgent(model, tools, { clock, timeoutMs: 200 }).process(go);
  await clock.advance(200);
  assert.equal(one.contexts[0]!.signal.aborted, true);
  assert.equal(two.contexts[0]!.signal.aborted, false);
  await clock.advance(100);
  await running;
  assert.deepEqual(errorsOf(given[1]!), [
    "Tool 'one' timed out after 200 ms",
    "Tool 'two' timed out after 300 ms",
  ]);
  const endless = toolAgent(echo, tools, { clock, timeoutMs: 200 })
    .process(asking([peerCall("three")]), { deadline: clock.now() + 5000 });
  const rejected = assert.rejects(endless, TimeoutError);
  await clock.advance(4999);
  assert.equal(three.contexts[0]!.signal.aborted, false);
  await clock.advance(1);
  await rejected;
});

test("toolAgent() gives tools 30 seconds by default", async () => {
  const clock = new TestClock();
  const { tool: slow } = stuck();
  const { model, given } = scripted([peerCall("stuck")], "done");
  const running = toolAgent(model, [slow], { clock }).process(go);
  await clock.advance(29_999);
  assert.equal(given.length, 1);
  await clock.advance(1);
  await running;
  assert.deepEqual(errorsOf(given[1]!), ["Tool 'stuck' timed out after 30000 ms"]);
});

test("toolAgent() drops what a tool gives or throws after its timeout", async () => {
  const clock = new TestClock();
  for (const late of [() => "late", () => Promise.reject(new Error("late"))]) {
    const gate = Promise.withResolvers<void>();
    const slow = tool({
      name: "slow",
      description: "Slow",
      execute: () => gate.promise.then(late),
    });
    const { model, given } = scripted([peerCall("slow")], "done");
    const running = toolAgent(model, [slow], { clock, timeoutMs: 5 }).process(go);
    await clock.advance(5);
    await running;
    gate.resolve();
    await settle();
    assert.deepEqual(errorsOf(given[1]!), ["Tool 'slow' timed out after 5 ms"]);
  }
});

test("toolAgent() rejects with the signal's reason at once, though tools do not care", async () => {
  for (const concurrency of [1, 8]) {
    const { tool: slow, contexts } = stuck();
    const { model, given } = scripted([peerCall("stuck"), peerCall("stuck")], "never");
    const controller = new AbortController();
    const reason = new Error("left");
    const running = toolAgent(model, [slow], { concurrency }).process(go, {
      signal: controller.signal,
    });
    await settle();
    controller.abort(reason);
    await assert.rejects(running, (error) => error === reason);
    assert.equal(contexts.length, concurrency === 1 ? 1 : 2, "none starts after that");
    for (const { signal } of contexts) assert.equal(signal.reason, reason);
    assert.equal(given.length, 1, "the inner agent is not asked again");
  }
});

test("toolAgent() is not held up by an inner agent that ignores its signal", async () => {
  const deaf = {
    name: "deaf",
    process: () => new Promise<never>(() => {}),
    // deno-lint-ignore require-yield -- it never comes to that
    async *stream() {
      await new Promise(() => {});
    },
  };
  for (const maxRounds of [0, 1]) {
    const assistant = toolAgent(deaf, [add], { maxRounds });
    const controller = new AbortController();
    const call = { signal: controller.signal };
    const running = [
      assistant.process(go, call),
      assistant.stream(go, call)[Symbol.asyncIterator]().next(),
    ];
    await settle();
    const reason = new Error("left");
    controller.abort(reason);
    for (const result of await Promise.allSettled(running)) {
      assert.equal(result.status === "rejected" && result.reason, reason);
    }
  }
});

for (const verdict of [true, false]) {
  test(`toolAgent() starts no tool when an abort comes before the verdict ${verdict}`, async () => {
    const controller = new AbortController();
    let ran = false;
    const spy = tool({ name: "spy", description: "Spies", execute: () => ran = true });
    const gate = Promise.withResolvers<boolean>();
    let asked = 0;
    let told = 0;
    const authorize = () => (asked++, gate.promise);
    const running = toolAgent(echo, [spy], { authorize, onResult: () => told++ })
      .process(asking([peerCall("spy"), peerCall("spy")]), { signal: controller.signal });
    await settle();
    controller.abort(new Error("left"));
    await assert.rejects(running, /left/);
    gate.resolve(verdict);
    await settle();
    assert.equal(ran, false);
    assert.equal(asked, 1, "nobody is asked about the next one");
    assert.equal(told, 0, "being cancelled is no result");
  });
}

test("toolAgent() runs nothing for a call that was aborted before", async () => {
  let ran = false;
  const spy = tool({ name: "spy", description: "Spies", execute: () => ran = true });
  const signal = AbortSignal.abort(new Error("left"));
  await assert.rejects(
    toolAgent(echo, [spy]).process(asking([peerCall("spy")]), { signal }),
    /left/,
  );
  assert.equal(ran, false);
});

test("toolAgent() rejects when the call's deadline passes while tools run", async () => {
  const clock = new TestClock();
  const { tool: slow, contexts } = stuck("slow", 500);
  const { model, given } = scripted([peerCall("slow")], "never");
  const running = toolAgent(model, [slow], { clock }).process(go, { deadline: 100 });
  const rejected = assert.rejects(running, (error) => {
    assert.ok(error instanceof TimeoutError);
    assert.equal(error.message, "The deadline of the call has passed while its tools ran");
    return true;
  });
  await clock.advance(100);
  await rejected;
  assert.equal(contexts[0]!.deadline, 100);
  assert.ok(contexts[0]!.signal.aborted);
  assert.equal(given.length, 1);
  assert.equal(clock.pending, 0);
});

test("toolAgent() runs no tool once the deadline has passed", async () => {
  const clock = new TestClock(200);
  let ran = false;
  const spy = tool({ name: "spy", description: "Spies", execute: () => ran = true });
  await assert.rejects(
    toolAgent(echo, [spy], { clock }).process(asking([peerCall("spy")]), { deadline: 200 }),
    TimeoutError,
  );
  assert.equal(ran, false);
});

test("toolAgent() hands the call's values to tools, and a deadline as near as the nearest", async () => {
  const clock = new TestClock(1000);
  const user = createContextKey("nobody");
  const seen: [string, number | undefined, string][] = [];
  const spy = tool({
    name: "spy",
    description: "Spies",
    execute: (_, { values, deadline, callId }) =>
      void seen.push([values.get(user), deadline, callId]),
  });
  const spying = toolAgent(echo, [spy], { clock, timeoutMs: 50 });
  const values = createContextValues().with(user, "ada");
  const calls = [{ ...peerCall("spy"), id: "c7" }, peerCall("spy")];
  await spying.process(asking(calls), { values, deadline: 1020 });
  await spying.process(asking(calls));
  assert.deepEqual(seen, [
    ["ada", 1020, "c7"],
    ["ada", 1020, "call_2"],
    ["nobody", 1050, "c7"],
    ["nobody", 1050, "call_2"],
  ]);
});

test("toolAgent() leaves no timer and no listener behind", async () => {
  const clock = new TestClock();
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const counted = Object.assign(signal, {
    addEventListener: (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    },
    removeEventListener: (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    },
  });
  const { model } = scripted([peerCall("add", { a: 1, b: 1 }), peerCall("nothing")], "done");
  await toolAgent(model, [add], { clock }).process(go, { signal: counted, deadline: 1000 });
  assert.equal(listeners, 0);
  assert.equal(clock.pending, 0);
});

test("toolAgent() takes an AbortError that a tool throws by itself for a failure", async () => {
  const quits = tool({
    name: "quits",
    description: "Aborts itself",
    execute: () => Promise.reject(new DOMException("changed my mind", "AbortError")),
  });
  const { model, given } = scripted([peerCall("quits")], "done");
  await toolAgent(model, [quits]).process(go);
  assert.deepEqual(errorsOf(given[1]!), ["Tool 'quits' failed"]);
});

test("toolAgent() does not ask for the words of an error that comes of a cancellation", async () => {
  const waits = tool({
    name: "waits",
    description: "Waits until it is aborted",
    execute: (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  });
  const controller = new AbortController();
  let asked = false;
  const running = toolAgent(echo, [waits], { redact: () => (asked = true, "") })
    .process(asking([peerCall("waits")]), { signal: controller.signal });
  await settle();
  controller.abort(new Error("left"));
  await assert.rejects(running, /left/);
  await settle();
  assert.equal(asked, false);
});
