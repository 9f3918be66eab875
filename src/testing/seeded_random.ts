import { checkNumber } from "../core/options.ts";

/**
 * Makes a source of chance that gives the same numbers for the same seed, for
 * options named `random`. Good enough for tests, and for nothing secret.
 *
 * The algorithm is mulberry32 by Tommy Ettinger.
 *
 * @example
 * ```ts
 * import { seededRandom } from "@agenkit/agenkit/testing";
 * import assert from "node:assert/strict";
 *
 * const [a, b] = [seededRandom(7), seededRandom(7)];
 * assert.equal(a(), b());
 * assert.notEqual(a(), a());
 * ```
 *
 * @param seed Any integer.
 * @returns Gives numbers from 0 up to, but without, 1.
 * @throws {RangeError} If the seed is no integer.
 */
export function seededRandom(seed: number): () => number {
  let state = checkNumber("make a source of chance", "seed", seed, { integer: true }) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
