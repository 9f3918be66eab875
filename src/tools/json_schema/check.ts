import type { Json, JsonObject } from "../../core/json.ts";

/** What is wrong with a value, and where in it. */
export interface Mismatch {
  /** The way to it, such as `.items[2]`; empty at the top. */
  readonly path: string;
  /** What was expected and what came. */
  readonly text: string;
}

/** Counts down while a value is checked, so that no value can take long. */
export interface Budget {
  /** How many more schemas may be applied. */
  steps: number;
}

/** Checks a value against one schema or one keyword of it. */
export type Check = (value: Json, budget: Budget) => Mismatch | undefined;

/** Where a keyword stands, for the functions that make checks of them. */
export interface Place {
  /** The schema that the keyword is in. */
  readonly schema: JsonObject;
  /** The check of a schema below, by its keys, for a value inside of the checked one. */
  inner(...keys: readonly (string | number)[]): Check;
  /** The check of a schema below, by its keys, for the checked value itself. */
  same(...keys: readonly (string | number)[]): Check;
  /** The check of a schema elsewhere in the document, by `$ref`. */
  reference(target: string): Check;
  /** Refuses the schema. */
  refuse(problem: string): never;
}

/** Makes the check of a keyword's value. */
export type Keyword = (value: Json, place: Place) => Check;

/** A mismatch right here. */
export function mismatch(text: string): Mismatch {
  return { path: "", text };
}

/** A mismatch in a property or an item. */
export function within(key: string | number, inner: Mismatch): Mismatch {
  const step = typeof key === "number"
    ? `[${key}]`
    : /^[A-Za-z_$][\w$]{0,60}$/.test(key)
    ? `.${key}`
    : `[${JSON.stringify(shortened(key, 60))}]`;
  return { path: step + inner.path, text: inner.text };
}

/** A mismatch in words; the way to it is cut when it is long. */
export function describeMismatch({ path, text }: Mismatch): string {
  return path === "" ? text : `${shortened(path.replace(/^\./, ""), 200)}: ${text}`;
}

/** The beginning of a text that may be long. */
export function shortened(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** Whether JSON is an object: no array, not `null`. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
