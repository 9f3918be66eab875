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
  // Text is the common case and needs no walk.
  return typeof value === "string" ? value : new Walk(path).copy(value);
}

/**
 * As {@linkcode toJson}, for values that have to be objects, such as metadata.
 *
 * @throws {TypeError} If the value is not a plain object or holds what is not JSON.
 */
export function toJsonObject(value: unknown, path = "value"): JsonObject {
  if (value === EMPTY_OBJECT) return EMPTY_OBJECT;
  const walk = new Walk(path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw walk.refuse("an object", value);
  }
  return walk.copy(value) as JsonObject;
}

/**
 * Freezes what `JSON.parse` gave, in place. Only for fresh values nobody else
 * holds: it neither copies nor checks for what a parser cannot produce.
 *
 * @throws {TypeError} If a key is `__proto__`, the nesting is deeper than 500, or a number is too
 * large (`1e999` is read as Infinity).
 */
export function freezeParsed<T extends Json>(value: T, path = "value"): T {
  if (!isHarmless(value)) new Walk(path).freeze(value);
  return value;
}

/** One walk down a value. It knows where it is, but writes the path only for an error. */
class Walk {
  readonly #root: string;
  /** The key taken at each level. */
  readonly #keys: (string | number)[] = [];
  /** The objects it is in, to find cycles. */
  readonly #ancestors: object[] = [];
  #depth = 0;

  constructor(root: string) {
    this.#root = root;
  }

  copy(value: unknown): Json {
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        if (!Number.isFinite(value)) throw this.refuse("a finite number", value);
        return value;
      case "object":
        return value === null ? null : this.#copyParent(value);
      default:
        throw this.refuse("JSON", value);
    }
  }

  freeze(value: object | number): void {
    if (typeof value === "number") throw this.refuse("a finite number", value);
    const depth = this.#enter();
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) {
        const item: Json = value[i];
        if (isHarmless(item)) continue;
        this.#keys[depth] = i;
        this.freeze(item);
      }
    } else {
      for (const key of Object.keys(value)) {
        if (key === "__proto__") throw this.#forbiddenKey(depth);
        const item = (value as JsonObject)[key]!;
        if (isHarmless(item)) continue;
        this.#keys[depth] = key;
        this.freeze(item);
      }
    }
    Object.freeze(value);
    this.#depth = depth;
  }

  refuse(expected: string, got: unknown): TypeError {
    return new TypeError(
      `Cannot use ${this.#path()} as JSON: expected ${expected}, got ${describe(got)}`,
    );
  }

  #copyParent(value: object): Json {
    for (let i = 0; i < this.#depth; i++) {
      if (this.#ancestors[i] === value) {
        throw new TypeError(`Cannot use ${this.#path()} as JSON: expected a tree, got a cycle`);
      }
    }
    const isArray = isArrayValue(value);
    // A plain object of another realm has a prototype of its own that ends the chain.
    const prototype: unknown = isArray ? null : Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw this.refuse("a plain object", value);
    }
    const depth = this.#enter();
    this.#ancestors[depth] = value;
    const result = isArray ? this.#copyArray(value, depth) : this.#copyObject(value, depth);
    this.#depth = depth;
    return result;
  }

  #copyArray(value: readonly unknown[], depth: number): Json {
    const result: Json[] = [];
    for (let i = 0; i < value.length; i++) {
      this.#keys[depth] = i;
      result.push(this.copy(value[i]));
    }
    return Object.freeze(result);
  }

  #copyObject(value: object, depth: number): Json {
    const result: Record<string, Json> = {};
    for (const key of Object.keys(value)) {
      if (key === "__proto__") throw this.#forbiddenKey(depth);
      this.#keys[depth] = key;
      result[key] = this.copy((value as Record<string, unknown>)[key]);
    }
    return Object.freeze(result);
  }

  /** Goes one level down; returns the level it was on. */
  #enter(): number {
    const depth = this.#depth;
    if (depth >= MAX_JSON_DEPTH) {
      const path = this.#path();
      throw new TypeError(
        `Cannot use ${path.length > 80 ? `${path.slice(0, 80)}…` : path} as JSON: ` +
          `expected at most ${MAX_JSON_DEPTH} levels of nesting, got more`,
      );
    }
    this.#depth = depth + 1;
    return depth;
  }

  #forbiddenKey(depth: number): TypeError {
    return new TypeError(
      `Cannot use ${this.#path(depth)} as JSON: the key "__proto__" is not allowed`,
    );
  }

  #path(depth = this.#depth): string {
    let path = this.#root;
    for (const key of this.#keys.slice(0, depth)) {
      if (typeof key === "number") path += `[${key}]`;
      else path += /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    }
    return path;
  }
}

/** Whether a parsed value has nothing in it to freeze or to refuse. */
function isHarmless(value: Json): value is null | boolean | string {
  return typeof value === "object"
    ? value === null
    : typeof value !== "number" || Number.isFinite(value);
}

/** As `Array.isArray`, for a type that keeps its items unknown and read-only. */
function isArrayValue(value: object): value is readonly unknown[] {
  return Array.isArray(value);
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
      return value > -(2n ** 64n) && value < 2n ** 64n ? `the bigint ${value}n` : "a large bigint";
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
  }
  try {
    if (Array.isArray(value)) return "an array";
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    return typeof name === "string" && name !== "" && name !== "Object" && name.length <= 60
      ? `an instance of ${name}`
      : "an object";
  } catch {
    // A revoked proxy, or a prototype whose getters throw.
    return "an object";
  }
}
