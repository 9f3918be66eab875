import assert from "node:assert/strict";
import { test } from "node:test";
import {
  conditional,
  contentContains,
  failurePath,
  roleEquals,
  RoutingError,
} from "../../../src/compose/mod.ts";
import { AgenkitError, agent, collect, message, text } from "../../../src/core/mod.ts";
import { ask, counter, fails, jobs, rejection, says, streams } from "./support.ts";

const yes = () => true;
const no = () => false;

test("conditional() answers by the first route that fits and asks no other condition", async () => {
  let asked = 0;
  const count = () => {
    asked++;
    return true;
  };
  const routes = [
    { when: no, agent: says("a") },
    { when: yes, agent: says("b") },
    { when: count, agent: says("c") },
  ];
  assert.equal(text(await conditional(routes).process(ask)), "b");
  assert.equal(asked, 0);
});

test("conditional() writes who answered and by which route, from 1 or default", async () => {
  const desk = conditional([
    { when: contentContains("1"), agent: says("a") },
    { when: contentContains("2"), agent: says("b") },
  ], { otherwise: says("c") });
  const metadata = async (content: string) =>
    (await desk.process(message("user", content))).metadata;
  assert.deepEqual(await metadata("1"), { conditional_agent_used: "a", conditional_route: 1 });
  assert.deepEqual(await metadata("2"), { conditional_agent_used: "b", conditional_route: 2 });
  assert.deepEqual(await metadata("3"), {
    conditional_agent_used: "c",
    conditional_route: "default",
  });
});

test("conditional() writes on a new message, not into the one that the agent returned", async () => {
  const request = message("user", "hi", { k: 1 });
  const answer = await conditional([{ when: yes, agent: agent("echo", (m) => m) }])
    .process(request);
  assert.deepEqual(request.metadata, { k: 1 });
  assert.equal(answer.metadata.k, 1);
});

test("conditional() rejects with a RoutingError where no route fits and there is no default", async () => {
  const error = await rejection(
    conditional([{ when: no, agent: says("a") }], { name: "desk" }).process(ask),
  );
  assert.ok(error instanceof RoutingError && error instanceof AgenkitError);
  assert.equal(error.code, "not_found");
  assert.equal(error.name, "RoutingError");
  assert.equal(error.composition, "desk");
  assert.equal(error.message, "No condition of 'desk' matched and it has no default agent");
});

test("conditional() rejects with a RoutingError that names the route when a condition throws", async () => {
  const cause = new TypeError("x is not a string");
  for (
    const when of [
      () => {
        throw cause;
      },
      () => Promise.reject(cause),
    ]
  ) {
    const desk = conditional([{ when: no, agent: says("a") }, { when, agent: says("b") }], {
      name: "desk",
      otherwise: says("c"),
    });
    const error = await rejection(desk.process(ask));
    assert.ok(error instanceof RoutingError);
    assert.equal(error.route, 1);
    assert.equal(error.cause, cause);
    assert.equal(error.code, "internal");
    assert.equal(
      error.message,
      "The condition of route 2 (b) of 'desk' failed: x is not a string",
    );
  }
});

test("conditional() keeps the code and the retry hints of what a condition threw", async () => {
  const cause = new AgenkitError("unavailable", "model down", { retryAfterMs: 9 });
  const when = () => Promise.reject(cause);
  const error = await rejection(conditional([{ when, agent: says("a") }]).process(ask));
  assert.ok(error instanceof RoutingError);
  assert.deepEqual(
    [error.code, error.retryable, error.retryAfterMs],
    ["unavailable", true, 9],
  );
});

test("conditional() refuses a condition that says neither true nor false", async () => {
  for (const verdict of ["yes", 1, undefined]) {
    const error = await rejection(
      conditional([{ when: () => verdict as never, agent: says("a") }]).process(ask),
    );
    assert.ok(error instanceof RoutingError);
    assert.match(error.message, /expected true or false/);
  }
});

test("conditional() waits for asynchronous conditions, one after the other", async () => {
  const log: string[] = [];
  const later = (name: string, verdict: boolean) => async () => {
    log.push(name);
    await null;
    log.push(`${name} done`);
    return verdict;
  };
  const desk = conditional([
    { when: later("1", false), agent: says("a") },
    { when: no, agent: says("b") },
    { when: later("3", true), agent: says("c") },
  ]);
  assert.equal((await desk.process(ask)).metadata.conditional_route, 3);
  assert.deepEqual(log, ["1", "1 done", "3", "3 done"]);
});

test("conditional() hands the call's options to its conditions", async () => {
  const { signal } = new AbortController();
  let seen: AbortSignal | undefined;
  const desk = conditional([{
    when: (_, call) => {
      seen = call?.signal;
      return true;
    },
    agent: says("a"),
  }]);
  await desk.process(ask, { signal });
  assert.equal(seen, signal);
});

test("conditional() returns from a condition that hangs when the caller aborts", async () => {
  for (const way of ["process", "stream"] as const) {
    const controller = new AbortController();
    const desk = conditional([{
      when: () => new Promise<boolean>(() => {}),
      agent: streams("a", ["x"]),
    }]);
    const call = { signal: controller.signal };
    const work: Promise<unknown> = way === "process"
      ? desk.process(ask, call)
      : collect(desk.stream!(ask, call));
    controller.abort(new Error("enough"));
    await assert.rejects(work, /enough/);
  }
});

test("conditional() asks no agent when the caller aborts while a condition is asked", async () => {
  const controller = new AbortController();
  const target = counter();
  const desk = conditional([{
    when: async () => {
      await null;
      controller.abort(new Error("enough"));
      return true;
    },
    agent: target,
  }]);
  await assert.rejects(desk.process(ask, { signal: controller.signal }), /enough/);
  await jobs();
  assert.equal(target.calls, 0);
});

test("conditional() asks no condition when the caller had aborted before", async () => {
  let asked = 0;
  const count = () => {
    asked++;
    return true;
  };
  const desk = conditional([{ when: count, agent: streams("a", ["x"]) }]);
  const call = { signal: AbortSignal.abort(new Error("before")) };
  await assert.rejects(desk.process(ask, call), /before/);
  await assert.rejects(collect(desk.stream!(ask, call)), /before/);
  assert.equal(asked, 0);
});

test("conditional() passes on the very error of the chosen agent and tells the route", async () => {
  const error = new RangeError("out");
  const desk = conditional([{ when: roleEquals("user"), agent: fails("a", error) }], {
    name: "desk",
    otherwise: fails("b", error),
  });
  assert.equal(await rejection(desk.process(ask)), error);
  assert.deepEqual(failurePath(error), [{ composition: "desk", agent: "a", at: 0 }]);
  assert.equal(await rejection(desk.process(message("system", ""))), error);
  assert.deepEqual(failurePath(error), [{ composition: "desk", agent: "b", at: "default" }]);
});

test("conditional() streams the chosen route, tagged", async () => {
  const desk = conditional([{ when: contentContains("s"), agent: streams("a", ["1", "2"]) }], {
    otherwise: says("b"),
  });
  const chunks = await collect(desk.stream!(message("user", "s")));
  assert.deepEqual(chunks.map(text), ["1", "2"]);
  assert.equal(chunks[1]!.metadata.conditional_route, 1);
  const whole = await collect(desk.stream!(ask));
  assert.deepEqual(whole.map(text), ["b"]);
  assert.equal(whole[0]!.metadata.conditional_route, "default");
});

test("conditional() streams exactly when one of its agents does", () => {
  const plain = { when: yes, agent: says("a") };
  assert.equal(conditional([plain], { otherwise: says("b") }).stream, undefined);
  assert.notEqual(conditional([plain], { otherwise: streams("b", []) }).stream, undefined);
  assert.notEqual(conditional([plain, { when: yes, agent: streams("b", []) }]).stream, undefined);
});

test("conditional() passes errors on from its stream", async () => {
  const error = new Error("midway");
  const desk = conditional([{ when: yes, agent: streams("a", ["1"], error) }]);
  assert.equal(await rejection(collect(desk.stream!(ask))), error);
  const none = conditional([{ when: no, agent: streams("a", []) }]);
  assert.ok(await rejection(collect(none.stream!(ask))) instanceof RoutingError);
});

test("conditional() shows routes that cannot be changed, and copies those given", async () => {
  const routes = [{ when: no, agent: says("a") }];
  const desk = conditional(routes, { otherwise: says("b") });
  routes[0]!.when = yes;
  routes.push({ when: yes, agent: says("c") });
  assert.equal(text(await desk.process(ask)), "b");
  assert.ok(Object.isFrozen(desk.routes) && Object.isFrozen(desk.routes[0]));
  assert.equal(desk.routes.length, 1);
  assert.equal(desk.otherwise?.name, "b");
});

test("conditional() refuses routes that are none", () => {
  const bad: [unknown, RegExp][] = [
    [[], /at least one of routes/],
    [undefined, /an array of routes, got undefined/],
    [[null], /route 0 .*'when', got null/],
    [[{ agent: says("a") }], /'when', got undefined/],
    [[{ when: yes, agent: {} }], /agent of route 0: expected an agent/],
  ];
  for (const [routes, text] of bad) {
    assert.throws(() => conditional(routes as never), { name: "TypeError", message: text });
  }
  assert.throws(
    () => conditional([{ when: yes, agent: says("a") }], { otherwise: "b" as never }),
    { name: "TypeError", message: /'otherwise': expected an agent/ },
  );
});
