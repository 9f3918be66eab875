import { describe, type Json } from "../../core/json.ts";
import { canonical } from "./canonical.ts";
import { type Check, isObject, type Keyword, mismatch, type Place, within } from "./check.ts";
import { count, toRegExp } from "./values.ts";

const required: Keyword = (value, place) => {
  const names = strings("required", value, place);
  return (item) => {
    if (!isObject(item)) return undefined;
    const missing = names.find((name) => !Object.hasOwn(item, name));
    return missing === undefined ? undefined : mismatch(`expected a property '${missing}'`);
  };
};

const dependentRequired: Keyword = (value, place) => {
  const rules = entries("dependentRequired", value, place)
    .map(([name, names]) => [name, strings("dependentRequired", names, place)] as const);
  return (item) => {
    if (!isObject(item)) return undefined;
    for (const [name, names] of rules) {
      if (!Object.hasOwn(item, name)) continue;
      const missing = names.find((other) => !Object.hasOwn(item, other));
      if (missing !== undefined) {
        return mismatch(`expected a property '${missing}' beside '${name}'`);
      }
    }
  };
};

const properties: Keyword = (value, place) => {
  const checks = entries("properties", value, place)
    .map(([name]) => [name, place.inner("properties", name)] as const);
  return (item, budget) => {
    if (!isObject(item)) return undefined;
    for (const [name, check] of checks) {
      if (!Object.hasOwn(item, name)) continue;
      const found = check(item[name]!, budget);
      if (found !== undefined) return within(name, found);
    }
  };
};

const patternProperties: Keyword = (value, place) => {
  const checks = entries("patternProperties", value, place).map(([source]) =>
    [
      toRegExp("patternProperties", source, place),
      place.inner("patternProperties", source),
    ] as const
  );
  return eachProperty((name, item, budget) => {
    for (const [expression, check] of checks) {
      if (!expression.test(name)) continue;
      const found = check(item, budget);
      if (found !== undefined) return within(name, found);
    }
  });
};

const additionalProperties: Keyword = (value, place) => {
  const { properties: named = {}, patternProperties: patterns = {} } = place.schema;
  const known = new Set(Object.keys(named as object));
  const expressions = Object.keys(patterns as object)
    .map((source) => toRegExp("patternProperties", source, place));
  const check = place.inner("additionalProperties");
  return eachProperty((name, item, budget) => {
    if (known.has(name) || expressions.some((expression) => expression.test(name))) return;
    if (value === false) return within(name, mismatch("expected no such property"));
    const found = check(item, budget);
    if (found !== undefined) return within(name, found);
  });
};

const propertyNames: Keyword = (_, place) => {
  const check = place.inner("propertyNames");
  return eachProperty((name, _, budget) => {
    const found = check(name, budget);
    if (found !== undefined) return within(name, mismatch(`as a name: ${found.text}`));
  });
};

function eachProperty(
  check: (name: string, item: Json, budget: Parameters<Check>[1]) => ReturnType<Check>,
): Check {
  return (value, budget) => {
    if (!isObject(value)) return undefined;
    for (const name of Object.keys(value)) {
      const found = check(name, value[name]!, budget);
      if (found !== undefined) return found;
    }
  };
}

const prefixItems: Keyword = (value, place) => {
  if (!Array.isArray(value)) place.refuse("'prefixItems' must be an array");
  const checks = (value as readonly Json[]).map((_, index) => place.inner("prefixItems", index));
  return (item, budget) => {
    if (!Array.isArray(item)) return undefined;
    for (const [index, check] of checks.entries()) {
      if (index >= item.length) return undefined;
      const found = check(item[index], budget);
      if (found !== undefined) return within(index, found);
    }
  };
};

const items: Keyword = (value, place) => {
  if (Array.isArray(value)) place.refuse("'items' must be a schema; use 'prefixItems' for a list");
  const { prefixItems: prefix } = place.schema;
  const first = Array.isArray(prefix) ? prefix.length : 0;
  const check = place.inner("items");
  return (item, budget) => {
    if (!Array.isArray(item)) return undefined;
    for (let index = first; index < item.length; index++) {
      const found = check(item[index], budget);
      if (found !== undefined) return within(index, found);
    }
  };
};

const uniqueItems: Keyword = (value, place) => {
  if (typeof value !== "boolean") place.refuse("'uniqueItems' must be a boolean");
  return (item) =>
    value === true && Array.isArray(item) && new Set(item.map(canonical)).size < item.length
      ? mismatch("expected items that all differ")
      : undefined;
};

function strings(name: string, value: Json, place: Place): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  return place.refuse(`'${name}' must be an array of strings, got ${describe(value)}`);
}

function entries(name: string, value: Json, place: Place): [string, Json][] {
  if (isObject(value)) return Object.entries(value);
  return place.refuse(`'${name}' must be an object, got ${describe(value)}`);
}

const itemCount = (item: Json) => Array.isArray(item) ? item.length : undefined;
const propertyCount = (item: Json) => isObject(item) ? Object.keys(item).length : undefined;

/** Keywords on objects and arrays. Counts come first: they are cheap. */
export const PART_KEYWORDS: readonly (readonly [string, Keyword])[] = [
  ["minProperties", count("minProperties", "properties", true, propertyCount)],
  ["maxProperties", count("maxProperties", "properties", false, propertyCount)],
  ["required", required],
  ["dependentRequired", dependentRequired],
  ["properties", properties],
  ["patternProperties", patternProperties],
  ["additionalProperties", additionalProperties],
  ["propertyNames", propertyNames],
  ["minItems", count("minItems", "items", true, itemCount)],
  ["maxItems", count("maxItems", "items", false, itemCount)],
  ["prefixItems", prefixItems],
  ["items", items],
  ["uniqueItems", uniqueItems],
];
