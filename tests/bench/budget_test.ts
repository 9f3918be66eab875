import assert from "node:assert/strict";
import { test } from "node:test";
import { type Budget, judge } from "../../bench/lib/budget.ts";
import type { Measured } from "../../bench/lib/measure.ts";
import { table } from "../../bench/lib/report.ts";
import { root } from "../architecture/graph.ts";

const measured: Measured = {
  group: "g",
  unit: "ns",
  rows: new Map([["bare", 100], ["ours", 150], ["theirs", 200]]),
};

test("judge() compares rows of one run with each other", () => {
  const budget: Budget = { g: { ours: [{ max: 1.4 }, { of: "theirs", max: 0.8 }] } };
  assert.deepEqual(
    judge(measured, budget).map(({ row, of, ratio, max, ok }) => [row, of, ratio, max, ok]),
    [
      ["bare", "bare", 1, undefined, true],
      ["ours", "bare", 1.5, 1.4, false],
      ["ours", "theirs", 0.75, 0.8, true],
      ["theirs", "bare", 2, undefined, true],
    ],
  );
});

test("judge() refuses a budget of a row that is not there", () => {
  assert.throws(() => judge(measured, { g: { our: { max: 1 } } }), /names a row "our": expected/);
  assert.throws(() => judge(measured, { g: { ours: { of: "x", max: 1 } } }), /names a row "x"/);
});

test("table() says what was over", () => {
  const text = table(judge(measured, { g: { ours: { max: 1.4 } } }));
  assert.match(text, /^g +ours +150 ns +1\.50 x bare +1\.40 +OVER$/m);
  assert.match(text, /^g +theirs +200 ns +2\.00 x bare$/m);
});

test("budget.json holds ratios above zero, each of a group and a row", async () => {
  const budget: Budget = JSON.parse(await Deno.readTextFile(`${root}/bench/budget.json`));
  for (const [group, rows] of Object.entries(budget)) {
    assert.match(group, /^[\w-]+\/./, "a group is named <what>/<case>");
    for (const { max } of Object.values(rows).flat()) assert.ok(max > 0, group);
  }
});
