import assert from "node:assert/strict";
import { test } from "node:test";
import { type Agent, agent, type Middleware } from "../../../src/core/agent.ts";
import { message, text } from "../../../src/core/message.ts";
import { layered, wrap } from "../../../src/core/wrap.ts";

const HELLO = message("user", "x");
const echo = agent({ name: "echo", process: (m) => m, capabilities: ["chat"] });

function logging(sign: string, log: string[]): Middleware {
  return (next) => ({
    name: next.name,
    async process(m, call) {
      log.push(`${sign}>`);
      const answer = await next.process(m, call);
      log.push(`<${sign}`);
      return answer;
    },
  });
}

function through(next: Agent): Agent {
  return layered(next, "through()", {
    process: (m, call) => next.process(m, call),
    stream: (m, call) => next.stream!(m, call),
  });
}

test("wrap() makes the first middleware the outermost", async () => {
  const log: string[] = [];
  const wrapped = wrap(echo, logging("a", log), logging("b", log), logging("c", log));
  assert.equal(text(await wrapped.process(HELLO)), "x");
  assert.deepEqual(log, ["a>", "b>", "c>", "<c", "<b", "<a"]);
});

test("wrap() builds from the inside out, each once", () => {
  const built: string[] = [];
  const build = (sign: string): Middleware => (next) => {
    built.push(sign);
    return next;
  };
  wrap(echo, build("a"), build("b"));
  assert.deepEqual(built, ["b", "a"]);
});

test("wrap() without middleware is the agent itself", () => {
  assert.equal(wrap(echo), echo);
});

test("wrap() refuses what is not an agent", () => {
  for (const bad of [undefined, null, "echo", {}, () => ""]) {
    assert.throws(
      () => wrap(bad as unknown as Agent),
      /^TypeError: Cannot wrap: expected an agent \(a non-empty 'name' and a 'process' function\), got /,
    );
  }
});

test("wrap() refuses what is not middleware, by its place", () => {
  for (const bad of [undefined, null, {}, "retry"]) {
    assert.throws(
      () => wrap(echo, (next) => next, bad as unknown as Middleware),
      /^TypeError: Cannot wrap agent 'echo': middleware 1 must be a function, got /,
    );
  }
});

test("wrap() refuses middleware that returns no agent, by its place", () => {
  assert.throws(
    () => wrap(echo, (() => undefined) as unknown as Middleware),
    /Cannot wrap agent 'echo' with middleware 0: expected an agent .*, got undefined/,
  );
});

test("layered() keeps name and capabilities, and has a stream exactly when the inner agent has", async () => {
  const unary = wrap(echo, through, through);
  assert.equal(unary.name, "echo");
  assert.deepEqual(unary.capabilities, ["chat"]);
  assert.equal(unary.stream, undefined);
  assert.ok(!("stream" in unary));
  const streaming = wrap(
    agent("s", async function* () {
      yield "1";
    }),
    through,
    through,
  );
  assert.ok("stream" in streaming);
  const seen: string[] = [];
  for await (const chunk of streaming.stream(HELLO)) seen.push(text(chunk));
  assert.deepEqual(seen, ["1"]);
});

test("layered() gives an agent without capabilities none", () => {
  const bare: Agent = { name: "bare", process: (m) => Promise.resolve(m) };
  assert.deepEqual(through(bare).capabilities, []);
});

test("layered() refuses what is not an agent, naming the middleware", () => {
  assert.throws(
    () => through({} as Agent),
    /^TypeError: Cannot apply through\(\): expected an agent .*, got an object/,
  );
});
