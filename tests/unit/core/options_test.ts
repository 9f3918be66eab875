import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/core/clock.ts";
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkLimit,
  checkNumber,
  checkOptions,
  checkText,
  checkTexts,
  checkWord,
  type NumberRule,
} from "../../../src/core/options.ts";

function refusal(value: unknown, rule: NumberRule): string {
  try {
    checkNumber("retry", "count", value, rule);
  } catch (error) {
    const type = typeof value === "number" ? RangeError : TypeError;
    assert.ok(error instanceof type, `expected a ${type.name}, got ${error}`);
    return error.message;
  }
  return assert.fail(`expected ${String(value)} to be refused`);
}

test("checkNumber() returns what fits the rule", () => {
  const cases: [number, NumberRule][] = [
    [-1.5, {}],
    [0, { min: 0 }],
    [Number.MIN_VALUE, { min: 0, exclusive: true }],
    [1, { min: 1, max: 1, integer: true }],
    [Infinity, { min: 0, infinite: true }],
    [Infinity, { min: 1, integer: true, infinite: true }],
    [2 ** 53, { integer: true }],
  ];
  for (const [value, rule] of cases) {
    assert.equal(checkNumber("retry", "count", value, rule), value);
  }
});

test("checkNumber() names the option, the rule and the value", () => {
  const cases: [unknown, NumberRule, string][] = [
    [0, { min: 1, integer: true }, "a positive integer: current value is 0"],
    [1.5, { min: 1, integer: true }, "a positive integer: current value is 1.5"],
    [NaN, {}, "a finite number: current value is NaN"],
    [Infinity, {}, "a finite number: current value is Infinity"],
    [
      -Infinity,
      { min: 0, infinite: true },
      "a non-negative number or Infinity: current value is -Infinity",
    ],
    [-Infinity, { infinite: true }, "a finite number or Infinity: current value is -Infinity"],
    [-1, { min: 0 }, "a non-negative number: current value is -1"],
    [-1, { min: 0, integer: true }, "a non-negative integer: current value is -1"],
    [0, { min: 0, exclusive: true }, "a positive number: current value is 0"],
    [0, { min: 0, exclusive: true, integer: true }, "a positive integer: current value is 0"],
    [5, { min: 10 }, "a finite number of at least 10: current value is 5"],
    [10, { min: 10, exclusive: true }, "a finite number above 10: current value is 10"],
    [1, { min: 1, exclusive: true, integer: true }, "a finite integer above 1: current value is 1"],
    [2, { min: 0, max: 1 }, "a non-negative number of at most 1: current value is 2"],
    ["5", { min: 0 }, 'a non-negative number: current value is "5"'],
    [null, { min: 0 }, "a non-negative number: current value is null"],
    [undefined, {}, "a finite number: current value is undefined"],
    [5n, {}, "a finite number: current value is the bigint 5n"],
    [{}, {}, "a finite number: current value is an object"],
  ];
  for (const [value, rule, text] of cases) {
    assert.equal(refusal(value, rule), `Cannot retry as 'count' must be ${text}`);
  }
});

test("checkLimit() takes what is positive, and Infinity for none", () => {
  assert.equal(checkLimit("serve", "size", 0.5), 0.5);
  assert.equal(checkLimit("serve", "size", Infinity), Infinity);
  assert.throws(() => checkLimit("serve", "size", 0), {
    name: "RangeError",
    message: "Cannot serve as 'size' must be a positive number or Infinity: current value is 0",
  });
  assert.throws(() => checkLimit("serve", "size", "1" as unknown as number), TypeError);
});

test("checkFunction() takes functions and undefined", () => {
  checkFunction("retry", "onRetry", undefined);
  checkFunction("retry", "onRetry", () => {});
  assert.throws(() => checkFunction("retry", "onRetry", null), {
    name: "TypeError",
    message: "Cannot retry as 'onRetry' must be a function: current value is null",
  });
  assert.throws(() => checkFunction("retry", "onRetry", "x"), TypeError);
});

test("checkOptions() lets objects pass and refuses all else", () => {
  const options = {};
  assert.equal(checkOptions("retry", options), options);
  for (const [value, shown] of [[null, "null"], ["no", '"no"'], [5, "5"]] as const) {
    assert.throws(
      () => checkOptions("retry", value as never),
      new TypeError(`Cannot retry: expected an object of options, got ${shown}`),
    );
  }
});

test("checkWord() takes one of several words", () => {
  checkWord("retry", "jitter", "full", ["full", "none"]);
  assert.throws(() => checkWord("retry", "jitter", "some", ["full", "equal", "none"]), {
    name: "RangeError",
    message: `Cannot retry as 'jitter' must be "full", "equal" or "none": current value is "some"`,
  });
  assert.throws(() => checkWord("retry", "jitter", 1, ["full", "none"]), TypeError);
});

test("checkBoolean(), checkText() and checkTexts() take their own kind and undefined", () => {
  checkBoolean("serve", "rpc", false);
  checkBoolean("serve", "rpc", undefined);
  checkText("serve", "hostname", "");
  checkText("serve", "hostname", undefined);
  checkTexts("call", "capabilities", ["a"]);
  checkTexts("call", "capabilities", undefined);
  assert.throws(() => checkBoolean("serve", "rpc", "no"), {
    name: "TypeError",
    message: `Cannot serve as 'rpc' must be a boolean: current value is "no"`,
  });
  assert.throws(() => checkText("serve", "hostname", 5), {
    name: "TypeError",
    message: "Cannot serve as 'hostname' must be a string: current value is 5",
  });
  for (const value of ["chat", ["chat", 5], null]) {
    assert.throws(() => checkTexts("call", "capabilities", value), {
      name: "TypeError",
      message: /^Cannot call as 'capabilities' must be an array of strings: current value is/,
    });
  }
});

test("checkClock() gives the clock, or that of the machine", () => {
  assert.equal(checkClock("retry", undefined), systemClock);
  assert.equal(checkClock("retry", systemClock), systemClock);
  for (const value of [null, 5, Date, { now: () => 0 }]) {
    assert.throws(() => checkClock("retry", value as typeof systemClock), {
      name: "TypeError",
      message: /^Cannot retry as 'clock' must have the methods now, sleep, schedule: current value/,
    });
  }
});
