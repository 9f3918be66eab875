import assert from "node:assert/strict";
import { type Agent, agent } from "../../../src/core/agent.ts";
import type { CallOptions } from "../../../src/core/call.ts";
import { createContextKey, createContextValues } from "../../../src/core/context.ts";
import { type Message, message } from "../../../src/core/message.ts";
import { collect } from "../../../src/core/collect.ts";
import { type Stack, streamed, tick, TrackedSignal, watch } from "./contract_stack.ts";

/** What every middleware, and every stack of them, has to keep to. */
export interface Rule {
  readonly name: string;
  check(stack: Stack): Promise<void>;
}

const question = () => message("user", { text: "hello", list: [1, 2] }, { tag: "a" });
const REASON = { why: "the caller left" };

/** Answers at once; streams two chunks. */
const plain = agent({
  name: "plain",
  capabilities: ["b", "a"],
  process: (request) => ({ content: request.content, metadata: { answered: true } }),
  stream: async function* () {
    yield "one";
    yield "two";
  },
});

/** Works until its signal aborts, and then fails with the reason. */
const cooperative: Agent = {
  name: "cooperative",
  process: (_, call) => aborted(call),
  async *stream(_, call) {
    yield message("agent", "one");
    await aborted(call);
  },
};

function aborted(call: CallOptions | undefined): Promise<never> {
  const signal = call!.signal!;
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** An agent whose stream is no generator: yields one chunk, then fails. */
function byHand(leave: () => Promise<IteratorResult<Message>>): Agent {
  let chunks = 0;
  const iterator: AsyncIterator<Message> = {
    next: () =>
      chunks++ === 0
        ? Promise.resolve({ done: false, value: message("agent", "one") })
        : Promise.reject(new Error("broken")),
    return: leave,
  };
  return {
    name: "by hand",
    process: plain.process,
    stream: () => ({ [Symbol.asyncIterator]: () => iterator }),
  };
}

/** What every middleware keeps to, as the guide tells it. */
export const RULES: readonly Rule[] = [
  {
    name: "passes name and capabilities on",
    check: async (stack) => {
      const wrapped = stack.wrap(plain);
      assert.equal(wrapped.name, "plain");
      assert.deepEqual(wrapped.capabilities, ["b", "a"]);
      await wrapped.process(question());
    },
  },
  {
    name: "streams exactly when the agent does (defect 10)",
    check: async (stack) => {
      const wrapped = stack.wrap(plain);
      const chunks = await collect(wrapped.stream!(question()));
      assert.deepEqual(chunks.map(({ content }) => content), ["one", "two"]);
      stack.assertClean();
      assert.equal(stack.wrap({ name: "x", process: plain.process })?.stream, undefined);
    },
  },
  {
    name: "passes signal, deadline and values on",
    check: async (stack) => {
      const key = createContextKey("nobody");
      const seen: CallOptions[] = [];
      const see = (call: CallOptions) => {
        seen.push(call);
        assert.equal(call.signal!.aborted, false);
        return call.signal!;
      };
      const wrapped = stack.wrap(agent({
        name: "seer",
        process: (request, call) => (see(call), request),
        stream: async function* (request, call) {
          see(call);
          yield request;
        },
      }));
      const tracked = new TrackedSignal();
      const call = {
        signal: tracked.signal,
        deadline: stack.clock.now() + 1000,
        values: createContextValues().with(key, "ann"),
      };
      await wrapped.process(question(), call);
      await collect(wrapped.stream!(question().with({ content: "other" }), call));
      assert.equal(seen.length, 2);
      for (const { deadline, values } of seen) {
        assert.equal(deadline, 1000);
        assert.equal(values!.get(key), "ann");
      }
      seen.forEach(({ signal }) => signal!.aborted);
      stack.assertClean(tracked);
    },
  },
  {
    name: "an aborted call never reaches the agent",
    check: async (stack) => {
      let calls = 0;
      const wrapped = stack.wrap({
        name: "counter",
        process: (request) => (calls++, Promise.resolve(request)),
        async *stream(request) {
          calls++;
          yield await Promise.resolve(request);
        },
      });
      const signal = AbortSignal.abort(REASON);
      await assert.rejects(wrapped.process(question(), { signal }), isReason);
      await assert.rejects(collect(wrapped.stream!(question(), { signal })), isReason);
      assert.equal(calls, 0);
      stack.assertClean();
      assertCancelledOnly(stack, 2);
    },
  },
  {
    name: "abort while the agent works",
    check: async (stack) => {
      const wrapped = stack.wrap(cooperative);
      const first = new TrackedSignal();
      const call = watch(wrapped.process(question(), { signal: first.signal }));
      await tick();
      assert.equal(call.state, "pending");
      stack.assertInvariant();
      first.abort(REASON);
      await tick();
      assert.equal(call.error, REASON);

      const second = new TrackedSignal();
      const iterator = streamed(wrapped, question(), second.signal);
      assert.equal((await iterator.next()).value!.content, "one");
      const next = watch(iterator.next());
      await tick();
      second.abort(REASON);
      await tick();
      assert.equal(next.error, REASON);
      stack.assertClean();
      assertCancelledOnly(stack, 2);
    },
  },
  {
    name: "abort after the answer changes nothing",
    check: async (stack) => {
      const wrapped = stack.wrap(plain);
      const tracked = new TrackedSignal();
      const answer = await wrapped.process(question(), { signal: tracked.signal });
      await collect(wrapped.stream!(question(), { signal: tracked.signal }));
      stack.assertClean(tracked);
      const before = stack.counts;
      tracked.abort(REASON);
      await tick();
      assert.deepEqual(answer.metadata, { answered: true });
      assert.deepEqual(stack.counts, before);
    },
  },
  {
    name: "abort during its own wait",
    check: async (stack) => {
      for (const index of stack.factories.keys()) {
        const set = stack.wrapWaiting(index);
        if (set === undefined) continue;
        const { wrapped, waiting } = set;
        waiting.prepare?.(wrapped);
        await tick();
        const tracked = new TrackedSignal();
        const call = watch(wrapped.process(question(), { signal: tracked.signal }));
        await tick();
        assert.equal(call.state, "pending", "it does not wait");
        stack.assertInvariant();
        tracked.abort(REASON);
        await tick();
        assert.equal(call.state, "failed");
        assert.equal(call.error, REASON);
        waiting.release?.();
        await tick();
        stack.assertClean(tracked);
      }
    },
  },
  {
    name: "breaking out of a stream ends the agent's",
    check: async (stack) => {
      let ended = 0;
      const wrapped = stack.wrap(agent("endless", async function* () {
        try {
          for (;;) yield "more";
        } finally {
          ended++;
        }
      }));
      const tracked = new TrackedSignal();
      for await (const _ of wrapped.stream!(question(), { signal: tracked.signal })) break;
      await tick();
      assert.equal(ended, 1);
      stack.assertClean(tracked);
      assertCancelledOnly(stack, 1);
    },
  },
  {
    name: "leaving an aborted stream waits for nobody",
    check: async (stack) => {
      const wrapped = stack.wrap(byHand(() => new Promise(() => {})));
      const tracked = new TrackedSignal();
      const iterator = streamed(wrapped, question(), tracked.signal);
      await iterator.next();
      tracked.abort(REASON);
      const left = watch(iterator.return!());
      await tick();
      assert.equal(left.state, "answered");
      stack.assertClean(tracked);
    },
  },
  {
    name: "a stream that failed is not told to end as well",
    check: async (stack) => {
      const wrapped = stack.wrap(byHand(() => assert.fail("told to end")));
      const iterator = streamed(wrapped, question());
      assert.equal((await iterator.next()).value!.content, "one");
      await assert.rejects(iterator.next(), /broken/);
      assert.equal((await iterator.next()).done, true);
      stack.assertClean();
    },
  },
  {
    name: "a stream that is never read starts nothing",
    check: async (stack) => {
      let calls = 0;
      const wrapped = stack.wrap({
        name: "counter",
        process: plain.process,
        async *stream(request) {
          calls++;
          yield await Promise.resolve(request);
        },
      });
      const iterator = streamed(wrapped, question());
      await iterator.return!();
      assert.equal(calls, 0);
      stack.assertClean();
    },
  },
  {
    name: "an agent that throws at once rejects",
    check: async (stack) => {
      const error = new SyntaxError("at once");
      const wrapped = stack.wrap({
        name: "thrower",
        process: () => {
          throw error;
        },
        stream: () => {
          throw error;
        },
      });
      const call = wrapped.process(question());
      await assert.rejects(call, (thrown) => thrown === error);
      await assert.rejects(collect(wrapped.stream!(question())), (thrown) => thrown === error);
      stack.assertClean();
    },
  },
  {
    name: "an agent that answers without a promise",
    check: async (stack) => {
      const answer = message("agent", "at once");
      // As a class in JavaScript may have it, where no compiler objects.
      const wrapped = stack.wrap({ name: "hasty", process: () => answer } as unknown as Agent);
      const first = watch(wrapped.process(question()));
      await tick();
      assert.equal(first.value, answer);
      // Nothing of the first call may stand in the way of the next.
      const second = watch(wrapped.process(question()));
      await tick();
      assert.equal(second.value, answer);
      stack.assertClean();
    },
  },
  {
    name: "the agent's error passes unchanged (defect 6)",
    check: async (stack) => {
      const error = Object.freeze(new TypeError("as it is"));
      const wrapped = stack.wrap(agent({
        name: "failing",
        process: () => Promise.reject(error),
        stream: async function* () {
          yield "one";
          await Promise.reject(error);
        },
      }));
      await assert.rejects(wrapped.process(question()), (thrown) => thrown === error);
      const iterator = streamed(wrapped, question());
      assert.equal((await iterator.next()).value!.content, "one");
      await assert.rejects(iterator.next(), (thrown) => thrown === error);
      assert.equal((await iterator.next()).done, true);
      stack.assertClean();
    },
  },
  {
    name: "an agent that ignores its signal",
    check: async (stack) => {
      const late = Promise.withResolvers<Message>();
      const wrapped = stack.wrap({ name: "deaf", process: () => late.promise });
      const tracked = new TrackedSignal();
      const call = watch(wrapped.process(question(), { signal: tracked.signal }));
      await tick();
      tracked.abort(REASON);
      await tick();
      if (stack.abandons) assert.equal(call.error, REASON);
      // A late failure must be nobody's unhandled rejection.
      late.reject(new Error("too late"));
      await tick();
      assert.equal(call.state, "failed");
      stack.assertClean(tracked);
    },
  },
  {
    name: "1,000 calls at once",
    check: async (stack) => {
      const wrapped = stack.wrap(agent("echo", async (request) => {
        await null;
        return request;
      }));
      const tracked = new TrackedSignal();
      const calls = Array.from(
        { length: 1000 },
        (_, i) => wrapped.process(message("user", i), { signal: tracked.signal }),
      );
      stack.assertInvariant();
      const answers = watch(Promise.all(calls));
      for (let i = 0; i < 100 && answers.state === "pending"; i++) await tick();
      assert.equal(answers.state, "answered", String(answers.error));
      assert.deepEqual(answers.value!.map(({ content }) => content), [...Array(1000).keys()]);
      stack.assertClean(tracked);
      for (const { total, ok } of stack.counts) assert.deepEqual([total, ok], [1000, 1000]);
    },
  },
  {
    name: "never changes a message (defect 12)",
    check: async (stack) => {
      const seen: Message[] = [];
      const wrapped = stack.wrap(agent("seer", (request) => {
        seen.push(request);
        return plain.process(request);
      }));
      const request = question();
      const before = JSON.stringify(request);
      const answer = await wrapped.process(request);
      assert.equal(JSON.stringify(request), before);
      assert.equal(JSON.stringify(seen[0]), before);
      assert.deepEqual(answer.content, request.content);
      assert.deepEqual(answer.metadata, { answered: true });
      assert.ok(Object.isFrozen(answer) && Object.isFrozen(answer.metadata));
    },
  },
  {
    name: "every call is counted in one outcome (defect 5)",
    check: async (stack) => {
      const wrapped = stack.wrap(agent({
        name: "mixed",
        process: (request, call) => {
          if (request.content === "fail") throw new Error("failed");
          return request.content === "hang" ? aborted(call) : request;
        },
        stream: async function* (request) {
          yield request;
          if (request.content === "fail") throw new Error("failed");
        },
      }));
      const tracked = new TrackedSignal();
      const { signal } = tracked;
      const calls = ["ok", "fail", "hang"].map((content) =>
        watch(wrapped.process(message("user", content), { signal }))
      );
      stack.assertInvariant();
      await tick();
      stack.assertInvariant();
      tracked.abort(REASON);
      await tick();
      assert.deepEqual(calls.map(({ state }) => state), ["answered", "failed", "failed"]);
      await collect(wrapped.stream!(message("user", "ok stream")));
      await assert.rejects(collect(wrapped.stream!(message("user", "fail"))));
      for await (const _ of wrapped.stream!(message("user", "left"))) break;
      await tick();
      stack.assertClean();
      for (const counts of stack.counts) assert.equal(counts.total, 6);
    },
  },
  {
    name: "refuses what is not an agent",
    check: async (stack) => {
      for (const none of [undefined, null, 1, "agent", {}, { name: "x" }, { process() {} }]) {
        assert.throws(() => stack.wrap(none as unknown as Agent), /agent/);
      }
      await tick();
    },
  },
];

const isReason = (error: unknown) => error === REASON;

/** Nothing but cancelled calls were counted, by layers that count those. */
function assertCancelledOnly(stack: Stack, calls: number): void {
  for (const { total, ok, failed = 0, timedOut = 0, rejected = 0 } of stack.counts) {
    assert.deepEqual({ ok, failed, timedOut, rejected }, {
      ok: 0,
      failed: 0,
      timedOut: 0,
      rejected: 0,
    });
    assert.ok(total <= calls);
  }
}
