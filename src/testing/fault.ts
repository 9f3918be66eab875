import { describe } from "../core/json.ts";
import { checkNumber } from "../core/options.ts";

/** What goes wrong with a call. Faults of several kinds come in the order of these members. */
export interface Fault {
  /** How long the call waits before anything else, in milliseconds. @default {0} */
  readonly delayMs?: number | undefined;
  /** For streams: how long each chunk but the first is held up, in milliseconds. @default {0} */
  readonly chunkDelayMs?: number | undefined;
  /** For streams: how many chunks come before it hangs or fails. @default {0} */
  readonly afterChunks?: number | undefined;
  /** Whether it never answers: only an abort ends the call. @default {false} */
  readonly hang?: boolean | undefined;
  /** What it fails with. Left out, the call goes through to the agent. */
  readonly error?: unknown;
  /** Whether it takes no notice of its signal, while it waits or hangs. @default {false} */
  readonly deaf?: boolean | undefined;
}

/** Says what goes wrong with a call, by its number from 1; `undefined` for nothing. */
export type FaultPlan = (call: number) => Fault | undefined;

/**
 * A plan that goes through a list: the first call has the first fault, and so
 * on; `undefined` in it is a call that goes well. After the end nothing goes
 * wrong any more.
 *
 * @example
 * ```ts
 * import { inTurn } from "@agenkit/agenkit/testing";
 * import assert from "node:assert/strict";
 *
 * const error = new Error("down");
 * const plan = inTurn([{ error }, undefined, { delayMs: 50 }]);
 * assert.deepEqual([1, 2, 3, 4].map(plan), [{ error }, undefined, { delayMs: 50 }, undefined]);
 * ```
 *
 * @throws {TypeError} If it is no list of faults.
 */
export function inTurn(faults: readonly (Fault | undefined)[]): FaultPlan {
  if (!Array.isArray(faults)) {
    throw new TypeError(`Cannot make a plan: expected a list of faults, got ${describe(faults)}`);
  }
  const list = faults.map((fault) => fault && checkFault(fault));
  return (call) => list[call - 1];
}

/**
 * A plan by which each `n`th call has a fault: with 1 every call, with 3 the
 * third, the sixth and so on.
 *
 * @throws {RangeError} If `n` is not a positive integer.
 */
export function everyNth(n: number, fault: Fault): FaultPlan {
  checkNumber("make a plan", "n", n, { min: 1, integer: true });
  checkFault(fault);
  return (call) => call % n === 0 ? fault : undefined;
}

/**
 * A plan by which chance decides. Give it {@linkcode seededRandom}, so that a
 * test that fails fails again.
 *
 * @param probability From 0, never, to 1, always.
 * @param random Gives numbers from 0 up to, but without, 1.
 * @throws {RangeError} If the probability is out of bounds.
 */
export function sometimes(probability: number, fault: Fault, random: () => number): FaultPlan {
  checkNumber("make a plan", "probability", probability, { min: 0, max: 1 });
  if (typeof random !== "function") {
    throw new TypeError(
      `Cannot make a plan as 'random' must be a function: current value is ${describe(random)}`,
    );
  }
  checkFault(fault);
  return () => random() < probability ? fault : undefined;
}

/**
 * Checks a fault.
 *
 * @throws {TypeError} If it is no object, or something in it is of the wrong kind.
 * @throws {RangeError} If a number in it is out of bounds.
 */
export function checkFault(fault: Fault): Fault {
  if (typeof fault !== "object" || fault === null) {
    throw new TypeError(`Cannot make a fault: expected an object, got ${describe(fault)}`);
  }
  const { delayMs = 0, chunkDelayMs = 0, afterChunks = 0 } = fault;
  const action = "make a fault";
  checkNumber(action, "delayMs", delayMs, { min: 0 });
  checkNumber(action, "chunkDelayMs", chunkDelayMs, { min: 0 });
  checkNumber(action, "afterChunks", afterChunks, { min: 0, integer: true });
  return fault;
}
