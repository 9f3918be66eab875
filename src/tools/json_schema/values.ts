import { describe, type Json } from "../../core/json.ts";
import { canonical } from "./canonical.ts";
import { type Check, isObject, type Keyword, mismatch, type Place, shortened } from "./check.ts";

const TYPES: Readonly<Record<string, readonly [string, (value: Json) => boolean]>> = {
  string: ["a string", (value) => typeof value === "string"],
  number: ["a number", (value) => typeof value === "number"],
  integer: ["an integer", (value) => Number.isInteger(value)],
  boolean: ["a boolean", (value) => typeof value === "boolean"],
  null: ["null", (value) => value === null],
  array: ["an array", (value) => Array.isArray(value)],
  object: ["an object", isObject],
};

const type: Keyword = (value, place) => {
  const names = Array.isArray(value) ? value : [value];
  if (names.length === 0) place.refuse("'type' must name a type");
  const types = names.map((name) =>
    typeof name === "string" && Object.hasOwn(TYPES, name)
      ? TYPES[name]!
      : place.refuse(`'type' must be a name of a JSON type, got ${describe(name)}`)
  );
  const expected = types.map(([noun]) => noun).join(" or ");
  return (item) =>
    types.some(([, is]) => is(item))
      ? undefined
      : mismatch(`expected ${expected}, got ${describe(item)}`);
};

function oneOfValues(allowed: readonly Json[]): Check {
  const texts = new Set(allowed.map(canonical));
  const shown = [...texts].join(", ");
  const expected = `expected ${texts.size > 1 ? "one of " : ""}` +
    shortened(shown, 500);
  return (item) =>
    texts.has(canonical(item)) ? undefined : mismatch(`${expected}, got ${describe(item)}`);
}

const enumeration: Keyword = (value, place) =>
  oneOfValues(Array.isArray(value) ? value : place.refuse("'enum' must be an array"));

/** A bound on numbers. */
function bound(name: string, words: string, holds: (item: number, by: number) => boolean): Keyword {
  return (value, place) => {
    const by = typeof value === "number"
      ? value
      : place.refuse(`'${name}' must be a number, got ${describe(value)}`);
    return (item) =>
      typeof item !== "number" || holds(item, by)
        ? undefined
        : mismatch(`expected a number ${words} ${by}, got ${item}`);
  };
}

const multipleOf: Keyword = (value, place) => {
  const by = typeof value === "number" && value > 0
    ? value
    : place.refuse(`'multipleOf' must be a positive number, got ${describe(value)}`);
  return (item) =>
    typeof item !== "number" || isMultiple(item, by)
      ? undefined
      : mismatch(`expected a multiple of ${by}, got ${item}`);
};

/** Fractions such as 0.3 / 0.1 are off by a few last bits, which must not count. */
function isMultiple(value: number, by: number): boolean {
  if (Number.isInteger(value) && Number.isInteger(by)) return value % by === 0;
  const quotient = value / by;
  return Math.abs(quotient - Math.round(quotient)) <= 4 * Number.EPSILON * Math.abs(quotient);
}

/** A bound on the number of something: characters, items, properties. */
export function count(
  name: string,
  what: string,
  least: boolean,
  measure: (item: Json, limit: number) => number | undefined,
): Keyword {
  return (value, place) => {
    const limit = countOf(name, value, place);
    const words = `expected at ${least ? "least" : "most"} ${limit} ${what}, got`;
    return (item) => {
      const size = measure(item, limit);
      if (size === undefined || (least ? size >= limit : size <= limit)) return undefined;
      return mismatch(`${words} ${size > limit ? "more" : size}`);
    };
  };
}

function countOf(name: string, value: Json, place: Place): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  return place.refuse(`'${name}' must be a non-negative integer, got ${describe(value)}`);
}

/** Characters are code points, as the standard says. Stops counting one past the limit. */
function characters(item: Json, limit: number): number | undefined {
  if (typeof item !== "string") return undefined;
  if (item.length <= limit && !/[\ud800-\udfff]/.test(item)) return item.length;
  let size = 0;
  for (const _ of item) if (++size > limit) break;
  return size;
}

const pattern: Keyword = (value, place) => {
  const expression = toRegExp("pattern", value, place);
  return (item) =>
    typeof item !== "string" || expression.test(item)
      ? undefined
      : mismatch(`expected text that matches ${value}, got ${describe(item)}`);
};

/** The author of a schema is trusted, so the expression is taken as it is. */
export function toRegExp(name: string, value: Json, place: Place): RegExp {
  try {
    if (typeof value === "string") return new RegExp(value, "u");
  } catch {
    // Refused below.
  }
  return place.refuse(`'${name}' must be a regular expression, got ${describe(value)}`);
}

/** Keywords on values without parts. Lengths come before patterns, which may be slow on long text. */
export const VALUE_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ["type", type],
  ["enum", enumeration],
  ["const", (value) => oneOfValues([value])],
  ["minimum", bound("minimum", "of at least", (item, by) => item >= by)],
  ["maximum", bound("maximum", "of at most", (item, by) => item <= by)],
  ["exclusiveMinimum", bound("exclusiveMinimum", "above", (item, by) => item > by)],
  ["exclusiveMaximum", bound("exclusiveMaximum", "below", (item, by) => item < by)],
  ["multipleOf", multipleOf],
  ["minLength", count("minLength", "characters", true, characters)],
  ["maxLength", count("maxLength", "characters", false, characters)],
  ["pattern", pattern],
];
