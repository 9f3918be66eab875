import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate } from "../../examples/tools/lib/expression/evaluate.ts";
import { refused, timed } from "./tools_support.ts";

test("evaluate() knows precedence, associativity and signs", () => {
  const expected: Record<string, number> = {
    "1 + 2 * 3": 7,
    "(1 + 2) * 3": 9,
    "10 - 4 - 3": 3,
    "2 ** 3 ** 2": 512,
    "-2 ** 2": -4,
    "2 ** -1": 0.5,
    "2 * -3": -6,
    "--3": 3,
    "7 // 2": 3,
    "-7 // 2": -4,
    "-7 % 3": -1,
    "1e3 + .5 + 1.": 1001.5,
    "max(1, min(5, 3), 2)": 3,
    "round(pi * 100)": 314,
    "factorial(5)": 120,
    "2*3+4*5-6/2": 23,
  };
  for (const [expression, value] of Object.entries(expected)) {
    assert.equal(evaluate(expression), value, expression);
  }
});

test("evaluate() refuses everything that would be code", async () => {
  const attacks = [
    "().__class__.__base__.__subclasses__()",
    "__import__('os').system('id')",
    "constructor.constructor('return process')()",
    "globalThis",
    "this",
    "eval(1)",
    "Function(1)",
    "process.exit()",
    "`${1}`",
    "1;2",
    "a=1",
    "x=>x",
    "[1,2]",
    "{}",
    "1 if 1 else 2",
    "import(1)",
    "1\n2",
    "0x10",
    "1_000",
    "10n",
    "'a'",
    "2^3",
    "5!",
  ];
  for (const attack of attacks) await refused(() => evaluate(attack), "invalid_argument");
});

test("evaluate() has no names but its own: prototypes are out of reach", async () => {
  const names = [
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "valueOf",
    "__defineGetter__",
  ];
  for (const name of names) {
    await refused(() => evaluate(name), "invalid_argument", /constants/);
    await refused(() => evaluate(`${name}(1)`), "invalid_argument", /functions/);
  }
});

test("evaluate() refuses towers of powers at once", async () => {
  const attacks = [
    "9**9**9",
    "9**9**9**9**9",
    "pow(9, pow(9, 9))",
    "10**1024",
    "10**-1025",
    "exp(1000)",
    "factorial(171)",
    "1e309",
    "1e101",
    `${"9".repeat(400)}`,
    "factorial(170) * factorial(170)",
  ];
  const ms = await timed(async () => {
    for (const attack of attacks) {
      await assert.rejects(async () => await evaluate(attack), /expected|needs/, attack);
    }
  });
  assert.ok(ms < 10_000, `took ${ms} ms`);
});

test("evaluate() refuses an expression of 10 MiB by its length", async () => {
  const huge = "1+".repeat(5 * 1024 * 1024) + "1";
  const ms = await timed(() => refused(() => evaluate(huge), "resource_exhausted", /characters/));
  assert.ok(ms < 10_000, `took ${ms} ms`);
});

test("evaluate() refuses 10,000 brackets, signs or powers without touching the stack's end", async () => {
  const limits = { maxLength: 1_000_000 };
  const depth = 10_000;
  const attacks = [
    "(".repeat(depth) + "1" + ")".repeat(depth),
    "-".repeat(depth) + "1",
    "1" + "**1".repeat(depth),
    "abs(".repeat(depth) + "1" + ")".repeat(depth),
  ];
  for (const attack of attacks) {
    await refused(() => evaluate(attack, limits), "resource_exhausted", /nesting/);
  }
});

test("evaluate() is linear in the length when the limits are lifted", async () => {
  const limits = { maxLength: Infinity };
  const ms = await timed(() => {
    assert.equal(evaluate("1" + "+1".repeat(500_000), limits), 500_001);
  });
  assert.ok(ms < 15_000, `took ${ms} ms`);
});

test("evaluate() refuses digits and signs of other scripts, and invisible ones", async () => {
  for (
    const attack of ["１+１", "1 − 1", "1\u200b+1", "2×3", "1\0+1", "\u202e1+1", "٣", "1\ud800"]
  ) {
    await refused(() => evaluate(attack), "invalid_argument");
  }
});

test("evaluate() refuses what has no number for an answer", async () => {
  for (const attack of ["1/0", "0/0", "1%0", "1//0", "sqrt(-1)", "ln(0)", "(-8)**0.5", "0**-1"]) {
    await assert.rejects(async () => await evaluate(attack), { name: "AgenkitError" }, attack);
  }
});

test("evaluate() refuses too many arguments before reading all of them", async () => {
  await refused(
    () => evaluate(`max(${"1,".repeat(100_000)}1)`, { maxLength: Infinity }),
    "invalid_argument",
    /arguments/,
  );
});
