import assert from "node:assert/strict";
import { test } from "node:test";
import { failurePath, fallback, router, sequential } from "../../../src/compose/mod.ts";
import { ask, fails, rejection, says } from "./support.ts";

test("failurePath() is empty for errors that came through no composition", () => {
  for (const value of [new Error("x"), "x", undefined, null, 1]) {
    assert.deepEqual(failurePath(value), []);
  }
});

test("failurePath() tells the way through compositions of different kinds", async () => {
  const error = new Error("x");
  const inner = router({ k: fails("bad", error) }, { route: () => "k", name: "r" });
  const outer = sequential([says("a"), inner], { name: "s" });
  assert.equal(await rejection(outer.process(ask)), error);
  assert.deepEqual(failurePath(error), [
    { composition: "s", agent: "r", at: 1 },
    { composition: "r", agent: "bad", at: "k" },
  ]);
});

test("failurePath() of an error object that is thrown again and again tells the last way", async () => {
  const error = new Error("always the same");
  const inner = sequential([fails("bad", error)], { name: "inner" });
  const outer = sequential([inner], { name: "outer" });
  for (let i = 0; i < 3; i++) await rejection(outer.process(ask));
  assert.equal(failurePath(error).length, 2);
  await rejection(inner.process(ask));
  assert.deepEqual(failurePath(error), [{ composition: "inner", agent: "bad", at: 0 }]);
});

test("failurePath() leads to the aggregate error of a fallback within a sequence", async () => {
  const both = fallback([fails("a"), fails("b")], { name: "f" });
  const error = await rejection(sequential([both], { name: "s" }).process(ask));
  assert.deepEqual(failurePath(error), [{ composition: "s", agent: "f", at: 0 }]);
});
