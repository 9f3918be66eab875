/** Any value that JSON can carry, read-only all the way down. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | JsonObject;

/** A JSON object, read-only all the way down. */
export interface JsonObject {
  /** Any key but `__proto__`. */
  readonly [key: string]: Json;
}

/** How deeply arrays and objects may be nested before a value is refused. */
export const MAX_JSON_DEPTH = 500;

/** The shared frozen empty object, so that a message without metadata costs nothing. */
export const EMPTY_OBJECT: JsonObject = Object.freeze({});

/**
 * Checks that a value is JSON and returns a deeply frozen copy of it, so that
 * neither side can change it later.
 *
 * Refused, with the path of the culprit: `undefined`, functions, symbols,
 * bigints, `NaN` and infinities, class instances (`Date`, `Map`...), cycles,
 * nesting deeper than 500, and keys named `__proto__`.
 *
 * @example
 * ```ts
 * import { toJson } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(toJson({ a: [1, "x"] }), { a: [1, "x"] });
 * assert.throws(() => toJson({ user: { score: NaN } }, "metadata"), /metadata\.user\.score/);
 * ```
 *
 * @param value What to check.
 * @param path What the value is called in error messages.
 * @throws {TypeError} If something in the value is not JSON.
 */
export function toJson(value: unknown, path = "value"): Json {
  return copy(value, path, []);
}

/**
 * As {@linkcode toJson}, for values that have to be objects, such as metadata.
 *
 * @throws {TypeError} If the value is not a plain object or holds what is not JSON.
 */
export function toJsonObject(value: unknown, path = "value"): JsonObject {
  if (value === EMPTY_OBJECT) return EMPTY_OBJECT;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse(path, "an object", value);
  }
  return copy(value, path, []) as JsonObject;
}

/**
 * Freezes what `JSON.parse` gave, in place. Only for fresh values nobody else
 * holds: it neither copies nor checks for what a parser cannot produce.
 *
 * @throws {TypeError} If a key is `__proto__` or the nesting is deeper than 500.
 */
export function freezeParsed<T extends Json>(value: T, path = "value"): T {
  freeze(value, path, 0);
  return value;
}

function freeze(value: Json, path: string, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth >= MAX_JSON_DEPTH) throw tooDeep(path);
  if (Array.isArray(value)) {
    for (const item of value) freeze(item, path, depth + 1);
  } else {
    for (const key of Object.keys(value)) {
      if (key === "__proto__") throw forbiddenKey(path);
      freeze((value as JsonObject)[key]!, path, depth + 1);
    }
  }
  Object.freeze(value);
}

function copy(value: unknown, path: string, ancestors: object[]): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw refuse(path, "a finite number", value);
      return value;
    case "object":
      break;
    default:
      throw refuse(path, "JSON", value);
  }
  if (value === null) return null;
  if (ancestors.includes(value)) {
    throw new TypeError(`Cannot use ${path} as JSON: expected a tree, got a cycle`);
  }
  if (ancestors.length >= MAX_JSON_DEPTH) throw tooDeep(path);
  ancestors.push(value);
  const result = Array.isArray(value)
    ? copyArray(value, path, ancestors)
    : copyObject(value, path, ancestors);
  ancestors.pop();
  return result;
}

function copyArray(value: readonly unknown[], path: string, ancestors: object[]): Json {
  const result: Json[] = [];
  for (let i = 0; i < value.length; i++) {
    result.push(copy(value[i], `${path}[${i}]`, ancestors));
  }
  return Object.freeze(result);
}

function copyObject(value: object, path: string, ancestors: object[]): Json {
  const prototype = Object.getPrototypeOf(value);
  // A plain object of another realm has a prototype of its own that ends the chain.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw refuse(path, "a plain object", value);
  }
  const result: Record<string, Json> = {};
  for (const key of Object.keys(value)) {
    if (key === "__proto__") throw forbiddenKey(path);
    result[key] = copy((value as Record<string, unknown>)[key], join(path, key), ancestors);
  }
  return Object.freeze(result);
}

function join(path: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function refuse(path: string, expected: string, got: unknown): TypeError {
  return new TypeError(`Cannot use ${path} as JSON: expected ${expected}, got ${describe(got)}`);
}

function tooDeep(path: string): TypeError {
  const short = path.length > 80 ? `${path.slice(0, 80)}…` : path;
  return new TypeError(
    `Cannot use ${short} as JSON: expected at most ${MAX_JSON_DEPTH} levels of nesting, got more`,
  );
}

function forbiddenKey(path: string): TypeError {
  return new TypeError(`Cannot use ${path} as JSON: the key "__proto__" is not allowed`);
}

/** Names a value for an error message: short, and never throws. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value);
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return `the bigint ${value}n`;
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
  }
  if (Array.isArray(value)) return "an array";
  const prototype = Object.getPrototypeOf(value);
  const name = prototype?.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object"
    ? `an instance of ${name}`
    : "an object";
}
