import type { Json } from "../../core/json.ts";
import { isObject } from "./check.ts";

/** A text that two JSON values share exactly when they are equal, whatever the order of keys. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key]!)}`);
  return `{${members.join()}}`;
}
