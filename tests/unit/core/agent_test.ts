import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Agent,
  agent,
  type AgentInit,
  assertAgent,
  isAgent,
  type ProcessHandler,
  type StreamingAgent,
  streamOf,
} from "../../../src/core/agent.ts";
import type { CallOptions } from "../../../src/core/call.ts";
import { AgenkitError } from "../../../src/core/errors.ts";
import { isMessage, type Message, message, text } from "../../../src/core/message.ts";
import type { Reply } from "../../../src/core/reply.ts";

const HELLO = message("user", "hello");

async function chunks(stream: AsyncIterable<Message>): Promise<string[]> {
  const texts: string[] = [];
  for await (const chunk of stream) texts.push(text(chunk));
  return texts;
}

test("agent() makes an agent that answers with text", async () => {
  const echo = agent("echo", (m) => `Echo: ${text(m)}`);
  const answer = await echo.process(HELLO);
  assert.equal(echo.name, "echo");
  assert.equal(answer.role, "agent");
  assert.equal(answer.content, "Echo: hello");
  assert.deepEqual(answer.metadata, {});
  assert.ok(isMessage(answer));
});

test("agent() takes a message as the answer as it is", async () => {
  const answer = message("tool", { n: 1 }, { k: "v" });
  assert.equal(await agent("a", () => answer).process(HELLO), answer);
  assert.equal(await agent("a", (m) => m).process(HELLO), HELLO);
});

test("agent() takes an object with content as the answer", async () => {
  const least = await agent("a", () => ({ content: { n: [1] } })).process(HELLO);
  assert.equal(least.role, "agent");
  assert.deepEqual(least.content, { n: [1] });
  const full = await agent("a", () => ({ content: null, role: "system", metadata: { k: 1 } }))
    .process(HELLO);
  assert.equal(full.role, "system");
  assert.equal(full.content, null);
  assert.deepEqual(full.metadata, { k: 1 });
  const foreign = JSON.parse(JSON.stringify(message("user", "x"))) as Reply;
  assert.ok(isMessage(await agent("a", () => foreign).process(HELLO)));
});

test("agent() takes the usual fields where an answer leaves them undefined", async () => {
  const loose = { content: "x", role: undefined, metadata: undefined } as unknown as Reply;
  const answer = await agent("a", () => loose).process(HELLO);
  assert.equal(answer.role, "agent");
  assert.deepEqual(answer.metadata, {});
});

test("agent() takes promises of answers", async () => {
  assert.equal(text(await agent("a", async () => await "later").process(HELLO)), "later");
  assert.equal(text(await agent("a", () => Promise.resolve({ content: 1 })).process(HELLO)), "1");
  const thenable = { then: (resolve: (reply: Reply) => void) => resolve("then") };
  assert.equal(text(await agent("a", () => thenable as Promise<Reply>).process(HELLO)), "then");
});

test("agent() refuses an answer that is none, naming the agent", async () => {
  for (const bad of [undefined, null, 5, true, {}, [], () => {}, { text: "x" }]) {
    const broken = agent("broken", () => bad as unknown as Reply);
    await assert.rejects(broken.process(HELLO), {
      name: "TypeError",
      message:
        /Cannot use what agent 'broken' answered: expected a message, a string or an object with 'content', got /,
    });
  }
  await assert.rejects(
    agent("broken", () => ({ content: "x", metadata: { n: NaN } })).process(HELLO),
    /metadata\.n/,
  );
});

test("agent() turns what a handler throws into a rejection", async () => {
  const error = new Error("broken");
  const thrower = agent("thrower", () => {
    throw error;
  });
  const promise = thrower.process(HELLO);
  await assert.rejects(promise, (thrown) => thrown === error);
  await assert.rejects(agent("r", () => Promise.reject(error)).process(HELLO), /broken/);
});

test("agent() hands message and call options on untouched", async () => {
  const calls: [Message, CallOptions][] = [];
  const spy = agent("spy", (m, call) => {
    calls.push([m, call]);
    return "";
  });
  const call = { signal: new AbortController().signal, deadline: 5 };
  await spy.process(HELLO, call);
  await spy.process(HELLO);
  assert.equal(calls[0]![0], HELLO);
  assert.equal(calls[0]![1], call);
  assert.deepEqual(calls[1]![1], {}, "a handler can always read its second argument");
});

test("agent() does not run the handler once the signal has aborted", async () => {
  let ran = 0;
  const reason = new Error("too late");
  const call = { signal: AbortSignal.abort(reason) };
  const counted = agent({
    name: "counted",
    process: () => `${++ran}`,
    stream: async function* () {
      yield `${++ran}`;
    },
  });
  await assert.rejects(counted.process(HELLO, call), (thrown) => thrown === reason);
  await assert.rejects(chunks(counted.stream(HELLO, call)), (thrown) => thrown === reason);
  assert.equal(ran, 0);
});

test("agent() makes a streaming agent from an async generator function", async () => {
  const count = agent("count", async function* (m) {
    yield "one ";
    yield { content: "two ", metadata: { n: 2 } };
    yield message("agent", text(m), { k: 3 });
  });
  assert.deepEqual(await chunks(count.stream(HELLO)), ["one ", "two ", "hello"]);
  const joined = await count.process(HELLO);
  assert.equal(joined.content, "one two hello");
  assert.deepEqual(joined.metadata, { n: 2, k: 3 });
});

test("agent() joins an empty stream to an empty answer", async () => {
  const empty = agent("empty", async function* () {});
  assert.deepEqual(await chunks(empty.stream(HELLO)), []);
  assert.equal((await empty.process(HELLO)).content, "");
});

test("agent() joins structured chunks by their text, and keeps the last role and metadata", async () => {
  const mixed = agent("mixed", async function* () {
    yield { content: "a", role: "tool", metadata: { k: 1, first: true } };
    yield { content: { n: 1 }, role: "assistant", metadata: { k: 2 } };
    yield { content: null, role: "assistant" };
  });
  const joined = await mixed.process(HELLO);
  assert.equal(joined.content, 'a{"n":1}');
  assert.equal(joined.role, "assistant");
  assert.deepEqual(joined.metadata, { k: 2, first: true });
});

test("agent() closes the generator when the consumer breaks off", async () => {
  let closed = 0;
  const endless = agent("endless", async function* () {
    try {
      for (;;) yield "x";
    } finally {
      closed++;
    }
  });
  for await (const _ of endless.stream(HELLO)) break;
  assert.equal(closed, 1);
});

test("agent() passes a stream's error on after its chunks", async () => {
  const failing = agent("failing", async function* () {
    yield "one";
    throw new AgenkitError("data_loss", "gone");
  });
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const chunk of failing.stream(HELLO)) seen.push(text(chunk));
  }, { code: "data_loss" });
  assert.deepEqual(seen, ["one"]);
  await assert.rejects(failing.process(HELLO), { code: "data_loss" });
});

test("agent() refuses a chunk that is none, naming the agent", async () => {
  const broken = agent("broken", async function* () {
    yield 5 as unknown as string;
  });
  await assert.rejects(chunks(broken.stream(HELLO)), /what agent 'broken' answered: .*got 5/);
});

test("agent() refuses a stream handler that gives no stream, naming the agent", async () => {
  for (const bad of [undefined, null, "text", Promise.resolve("x"), {}]) {
    const broken = agent({ name: "broken", stream: (() => bad) as never });
    await assert.rejects(chunks(broken.stream(HELLO)), {
      name: "TypeError",
      message: /Cannot read the stream of agent 'broken': expected an async iterable, got /,
    });
  }
});

test("agent() says how to stream when a plain function returns a stream", async () => {
  async function* words() {
    yield "x";
  }
  // Whether a plain function streams cannot be seen before it is called.
  const hidden: Agent = agent("hidden", () => words());
  assert.equal(hidden.stream, undefined);
  await assert.rejects(
    hidden.process(HELLO),
    /what agent 'hidden' answered: .* got a stream: give it as agent\(\{ name, stream \}\)/,
  );
});

test("agent() makes agents from objects: process, stream, both", async () => {
  const unary = agent({ name: "unary", process: () => "p", capabilities: ["a", "b"] });
  assert.equal(unary.stream, undefined);
  assert.ok(!("stream" in unary));
  assert.deepEqual(unary.capabilities, ["a", "b"]);
  assert.ok(Object.isFrozen(unary.capabilities));
  const both = agent({
    name: "both",
    process: () => "whole",
    stream: async function* () {
      yield "bit";
    },
  });
  assert.equal(text(await both.process(HELLO)), "whole");
  assert.deepEqual(await chunks(both.stream(HELLO)), ["bit"]);
  const streaming = agent({
    name: "s",
    stream: async function* () {
      yield "b";
      yield "it";
    },
  });
  assert.equal(text(await streaming.process(HELLO)), "bit");
  assert.deepEqual(streaming.capabilities, []);
});

test("agent() takes undefined for options left out", () => {
  const made = agent({ name: "a", process: () => "", stream: undefined, capabilities: undefined });
  assert.equal(made.stream, undefined);
});

test("agent() refuses a bad name", () => {
  for (const name of ["", undefined, null, 5, {}] as unknown[]) {
    assert.throws(
      () => agent({ name, process: () => "" } as AgentInit),
      /Cannot make an agent: 'name' must be a non-empty string, got /,
    );
  }
  assert.throws(() => agent("", () => ""), /'name' must be a non-empty string, got ""/);
});

test("agent() refuses what is no name and no object", () => {
  for (const init of [undefined, null, 5, () => ""] as unknown[]) {
    assert.throws(() => agent(init as AgentInit), /expected a name or an object, got /);
  }
});

test("agent() refuses missing and bad handlers", () => {
  for (const handler of [undefined, null, "x", {}] as unknown[]) {
    assert.throws(
      () => agent("a", handler as ProcessHandler),
      /Cannot make agent 'a': expected a function, got /,
    );
  }
  assert.throws(() => agent({ name: "a" }), /'a': expected a 'process' or a 'stream' function/);
  for (const key of ["process", "stream"]) {
    assert.throws(
      () => agent({ name: "a", [key]: "x" } as unknown as AgentInit),
      new RegExp(`Cannot make agent 'a': '${key}' must be a function, got "x"`),
    );
  }
});

test("agent() refuses capabilities that are not an array of strings", () => {
  for (const capabilities of ["chat", [5], ["a", undefined], {}, 5]) {
    assert.throws(
      () => agent({ name: "a", process: () => "", capabilities } as unknown as AgentInit),
      {
        name: "TypeError",
        message: /Cannot make agent 'a': 'capabilities' must be an array of strings, got /,
      },
    );
  }
});

test("agent() copies the capabilities", () => {
  const capabilities = ["chat"];
  const made = agent({ name: "a", process: () => "", capabilities });
  capabilities.push("more");
  assert.deepEqual(made.capabilities, ["chat"]);
});

test("agent() has the types that its arguments promise", () => {
  type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
    : false;
  const unary = agent("a", () => "x");
  const asynchronous = agent("a", async (_m, call) => await `${call.deadline}`);
  const streaming = agent("a", async function* (m, call) {
    yield m;
    yield `${call.signal?.aborted}`;
  });
  const fromObject = agent({ name: "a", process: () => ({ content: 5 }) });
  const streamingObject = agent({
    name: "a",
    stream: async function* () {
      yield "x";
    },
  });
  const types: [
    Equal<typeof unary, Agent>,
    Equal<typeof asynchronous, Agent>,
    Equal<typeof streaming, StreamingAgent>,
    Equal<typeof fromObject, Agent>,
    Equal<typeof streamingObject, StreamingAgent>,
  ] = [true, true, true, true, true];
  assert.ok(types.every(Boolean));
  // @ts-expect-error an agent needs a handler
  assert.throws(() => agent("a"));
  // @ts-expect-error a number is no answer
  agent("a", () => 5);
});

test("isAgent() takes whatever has the members, and refuses the rest", () => {
  class Own {
    name = "own";
    process(m: Message): Promise<Message> {
      return Promise.resolve(m);
    }
  }
  assert.ok(isAgent(new Own()));
  assert.ok(isAgent(agent("a", () => "")));
  assert.ok(isAgent({ name: "x", process() {}, stream() {} }));
  assert.ok(isAgent({ name: "x", process() {}, stream: undefined }));
  for (
    const other of [
      null,
      undefined,
      "agent",
      5,
      {},
      { name: "", process() {} },
      { name: 5, process() {} },
      { name: "x" },
      { name: "x", process: "p" },
      { name: "x", process() {}, stream: true },
      () => {},
    ]
  ) {
    assert.ok(!isAgent(other));
  }
});

test("assertAgent() says where and what came", () => {
  assert.throws(() => assertAgent("x", "Cannot serve"), {
    name: "TypeError",
    message:
      "Cannot serve: expected an agent (a non-empty 'name' and a 'process' function), got \"x\"",
  });
  assertAgent(agent("a", () => ""), "Cannot serve");
});

test("streamOf() gives the stream, or says that there is none", async () => {
  const streaming = agent("s", async function* () {
    yield "x";
  });
  assert.deepEqual(await chunks(streamOf(streaming, HELLO)), ["x"]);
  assert.throws(() => streamOf(agent("plain", () => ""), HELLO), {
    code: "unimplemented",
    message: "Agent 'plain' does not support streaming",
  });
});
