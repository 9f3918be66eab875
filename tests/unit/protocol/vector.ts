import assert from "node:assert/strict";
import type { Json } from "../../../src/core/json.ts";

/** One row of the wire's contract: what comes, and what is to be made of it. */
export interface Vector {
  /** What it is about; unique in its file. */
  readonly name: string;
  /** Which part of the contract it shows. */
  readonly row: string;
}

/** Accepts JSON modules, whose types are narrower than what is read from them. */
export function vectors<T extends Vector>(...files: unknown[]): T[] {
  const all = (files as T[][]).flat();
  const names = all.map(({ row, name }) => `${row}: ${name}`);
  assert.equal(new Set(names).size, names.length, "two vectors have one name");
  return all;
}

/**
 * Compares what an expectation speaks of: objects by the keys it has (`null`
 * also stands for a key that is not there), arrays and the rest exactly.
 * `"now"` is a timestamp of the last seconds.
 */
export function assertHas(actual: unknown, expected: Json, path = "value"): void {
  if (expected === "now" && path.endsWith(".timestamp")) {
    const age = Date.now() - Date.parse(actual as string);
    assert.ok(age >= 0 && age < 10_000, `${path}: expected a time just now, got ${actual}`);
  } else if (typeof expected === "object" && expected !== null && !Array.isArray(expected)) {
    assert.ok(typeof actual === "object" && actual !== null, `${path}: got ${actual}`);
    const values = actual as Record<string, unknown>;
    for (const [key, value] of Object.entries(expected)) {
      assertHas(values[key] ?? null, value, `${path}.${key}`);
    }
  } else assert.deepEqual(actual, expected, path);
}
