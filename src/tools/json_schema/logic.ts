import { describe, type Json } from "../../core/json.ts";
import {
  type Check,
  describeMismatch,
  type Keyword,
  mismatch,
  type Place,
  shortened,
} from "./check.ts";

const allOf: Keyword = (value, place) => {
  const checks = branches("allOf", value, place);
  return (item, budget) => {
    for (const check of checks) {
      const found = check(item, budget);
      if (found !== undefined) return found;
    }
  };
};

const anyOf: Keyword = (value, place) => {
  const checks = branches("anyOf", value, place);
  return (item, budget) => {
    const texts: string[] = [];
    for (const check of checks) {
      const found = check(item, budget);
      if (found === undefined) return undefined;
      // Alternatives within alternatives would make a text as large as the work done.
      if (texts.length < 5) texts.push(shortened(describeMismatch(found), 200));
    }
    return mismatch(`expected one of the alternatives to fit (${texts.join("; ")})`);
  };
};

const oneOf: Keyword = (value, place) => {
  const checks = branches("oneOf", value, place);
  return (item, budget) => {
    const fitting = checks.filter((check) => check(item, budget) === undefined).length;
    return fitting === 1
      ? undefined
      : mismatch(`expected exactly one alternative to fit, ${fitting} of ${checks.length} do`);
  };
};

const not: Keyword = (_, place) => {
  const check = place.same("not");
  return (item, budget) =>
    check(item, budget) === undefined
      ? mismatch(`expected what the schema excludes not to come, got ${describe(item)}`)
      : undefined;
};

const condition: Keyword = (_, place) => {
  const check = place.same("if");
  const [then, otherwise] = ["then", "else"].map((key) =>
    place.schema[key] === undefined ? undefined : place.same(key)
  );
  return (item, budget) => (check(item, budget) === undefined ? then : otherwise)?.(item, budget);
};

const reference: Keyword = (value, place) =>
  typeof value === "string"
    ? place.reference(value)
    : place.refuse(`'$ref' must be a string, got ${describe(value)}`);

function branches(name: string, value: Json, place: Place): readonly Check[] {
  if (!Array.isArray(value) || value.length === 0) {
    place.refuse(`'${name}' must be a non-empty array of schemas, got ${describe(value)}`);
  }
  return (value as readonly Json[]).map((_, index) => place.same(name, index));
}

/** Keywords that combine schemas. */
export const LOGIC_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ["$ref", reference],
  ["allOf", allOf],
  ["anyOf", anyOf],
  ["oneOf", oneOf],
  ["not", not],
  ["if", condition],
];
