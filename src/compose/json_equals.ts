import type { Json, JsonObject } from "../core/json.ts";

/** Whether two JSON values are equal all the way down; the order of keys does not matter. */
export function jsonEquals(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length &&
      a.every((item, i) => jsonEquals(item, b[i]!));
  }
  const left = a as JsonObject;
  const right = b as JsonObject;
  const keys = Object.keys(left);
  // A key that the other lacks is undefined there, or inherited: neither equals any JSON.
  return keys.length === Object.keys(right).length &&
    keys.every((key) => jsonEquals(left[key]!, right[key]!));
}
