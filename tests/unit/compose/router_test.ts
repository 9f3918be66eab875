import assert from "node:assert/strict";
import { test } from "node:test";
import { failurePath, router, RoutingError } from "../../../src/compose/mod.ts";
import { AgenkitError, agent, collect, message, text } from "../../../src/core/mod.ts";
import { ask, counter, fails, jobs, rejection, says, streams } from "./support.ts";

const byContent = (m: { readonly content: unknown }) => String(m.content);

test("router() asks the agent that the route function names, and no other", async () => {
  let asked = 0;
  const other = agent("other", () => {
    asked++;
    return "";
  });
  const both = router({ x: says("a"), y: other }, { route: () => "x" });
  assert.equal(text(await both.process(ask)), "a");
  assert.equal(asked, 0);
});

test("router() knows the agents of a list by their names", async () => {
  const both = router([says("a"), says("b")], { route: byContent });
  assert.equal(text(await both.process(message("user", "b"))), "b");
});

test("router() passes the answer on as it is", async () => {
  const answer = message("agent", "x");
  const only = router({ x: agent("a", () => answer) }, { route: () => "x" });
  assert.equal(await only.process(ask), answer);
});

test("router() takes the default for a name that is unknown, or none", async () => {
  const some = router({ a: says("a") }, { route: byContent, otherwise: says("d") });
  for (const name of ["b", "toString", "__proto__", "constructor"]) {
    assert.equal(text(await some.process(message("user", name))), "d");
  }
  const none = router({ a: says("a") }, { route: () => undefined, otherwise: says("d") });
  assert.equal(text(await none.process(ask)), "d");
});

test("router() rejects with a RoutingError for an unknown name without a default", async () => {
  const some = router({ a: says("a"), b: says("b") }, { route: () => "c", name: "desk" });
  const error = await rejection(some.process(ask));
  assert.ok(error instanceof RoutingError && error instanceof AgenkitError);
  assert.equal(error.code, "not_found");
  assert.equal(
    error.message,
    `The route function of 'desk' returned an unknown name: expected one of "a", "b", got "c"`,
  );
});

test("router() refuses what is no name, default or not", async () => {
  for (const key of [null, 1, {}]) {
    const some = router({ 1: says("a") }, { route: () => key as never, otherwise: says("d") });
    const error = await rejection(some.process(ask));
    assert.ok(error instanceof RoutingError);
    assert.equal(error.code, "internal");
  }
});

test("router() rejects with a RoutingError when the route function fails", async () => {
  const cause = new AgenkitError("unavailable", "model down");
  for (
    const route of [
      () => {
        throw cause;
      },
      () => Promise.reject(cause),
    ]
  ) {
    const error = await rejection(router({ a: says("a") }, { route, name: "desk" }).process(ask));
    assert.ok(error instanceof RoutingError);
    assert.equal(error.cause, cause);
    assert.equal(error.code, "unavailable");
    assert.equal(error.message, "The route function of 'desk' failed: model down");
    assert.equal(error.retryable, true);
  }
});

test("RoutingError is not worth a retry when a program has a bug", async () => {
  const route = () => {
    throw new TypeError("no such field");
  };
  const error = await rejection(router([says("a")], { route }).process(ask));
  assert.ok(error instanceof RoutingError);
  assert.equal(error.code, "internal");
  assert.equal(error.retryable, false);
});

test("router() does not ask for a route when the caller had aborted before", async () => {
  let asked = 0;
  const one = router([streams("a", ["x"])], {
    route: () => {
      asked++;
      return "a";
    },
  });
  const call = { signal: AbortSignal.abort(new Error("before")) };
  await assert.rejects(one.process(ask, call), /before/);
  await assert.rejects(collect(one.stream!(ask, call)), /before/);
  assert.equal(asked, 0);
});

test("router() hands the call's options to the route function and waits for it", async () => {
  const { signal } = new AbortController();
  const classifier = agent("classifier", (_, call) => call.signal === signal ? "b" : "a");
  const both = router([says("a"), says("b")], {
    route: async (m, call) => text(await classifier.process(m, call)),
  });
  assert.equal(text(await both.process(ask, { signal })), "b");
});

test("router() returns from a route function that hangs when the caller aborts", async () => {
  const controller = new AbortController();
  const stuck = router([streams("a", ["x"])], { route: () => new Promise<string>(() => {}) });
  const call = { signal: controller.signal };
  const works = [stuck.process(ask, call), collect(stuck.stream!(ask, call))];
  controller.abort(new Error("enough"));
  for (const work of works) await assert.rejects(work, /enough/);
});

test("router() asks no agent when the caller aborts while a route is asked for", async () => {
  const controller = new AbortController();
  const target = counter("a");
  const one = router([target], {
    route: async () => {
      await null;
      controller.abort(new Error("enough"));
      return "a";
    },
  });
  await assert.rejects(one.process(ask, { signal: controller.signal }), /enough/);
  await jobs();
  assert.equal(target.calls, 0);
});

test("router() passes on the very error of the agent and tells which it was", async () => {
  const error = new RangeError("out");
  const one = router({ x: fails("a", error) }, { route: byContent, otherwise: fails("d", error) });
  assert.equal(await rejection(one.process(message("user", "x"))), error);
  assert.deepEqual(failurePath(error), [{ composition: "router", agent: "a", at: "x" }]);
  assert.equal(await rejection(one.process(ask)), error);
  assert.deepEqual(failurePath(error), [{ composition: "router", agent: "d", at: "default" }]);
});

test("router() streams the chosen agent, or its answer as one chunk", async () => {
  const both = router([streams("a", ["1", "2"]), says("b")], { route: byContent });
  const read = async (name: string) =>
    (await collect(both.stream!(message("user", name)))).map(text);
  assert.deepEqual(await read("a"), ["1", "2"]);
  assert.deepEqual(await read("b"), ["b"]);
});

test("router() streams exactly when one of its agents does", () => {
  const options = { route: () => "a" };
  assert.equal(router([says("a")], options).stream, undefined);
  assert.notEqual(router([says("a"), streams("b", [])], options).stream, undefined);
  const otherwise = streams("d", []);
  assert.notEqual(router([says("a")], { ...options, otherwise }).stream, undefined);
});

test("router() shows handlers that cannot be changed, and copies those given", async () => {
  const handlers = { a: says("a") };
  const one = router(handlers, { route: () => "a" });
  handlers.a = says("b");
  assert.equal(text(await one.process(ask)), "a");
  assert.ok(Object.isFrozen(one.handlers));
  assert.deepEqual(Object.keys(one.handlers), ["a"]);
});

test("router() refuses duplicate names, no agents, and what is none", () => {
  const options = { route: () => "a" };
  const bad: [unknown, unknown, RegExp][] = [
    [[says("a"), says("b"), says("a")], options, /name of its own, got "a" for agents 0 and 2/],
    [[], options, /at least one of agents/],
    [{}, options, /at least one of agents/],
    [null, options, /agents by name, got null/],
    [{ a: 1 }, options, /handler "a": expected an agent/],
    [[1], options, /agent 0: expected an agent/],
    [{ a: says("a") }, {}, /'route' must be a function/],
    [{ a: says("a") }, undefined, /an object of options/],
    [{ a: says("a") }, { ...options, otherwise: {} }, /'otherwise': expected an agent/],
  ];
  for (const [handlers, given, text] of bad) {
    assert.throws(() => router(handlers as never, given as never), {
      name: "TypeError",
      message: text,
    });
  }
});
