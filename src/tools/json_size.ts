import type { Json } from "../core/json.ts";

/**
 * How many bytes a value takes as JSON text in UTF-8. Stops counting soon after
 * the limit, so that a large value costs no more than one at the limit.
 *
 * @returns The size, or some number above the limit.
 */
export function jsonSize(value: Json, limit: number): number {
  switch (typeof value) {
    case "string":
      return stringSize(value, limit);
    case "number":
      return String(value).length;
    case "boolean":
      return value ? 4 : 5;
  }
  if (value === null) return 4;
  let size = 1;
  if (Array.isArray(value)) {
    for (const item of value) {
      size += 1 + jsonSize(item, limit - size);
      if (size > limit) return size;
    }
  } else {
    for (const [key, item] of Object.entries(value)) {
      size += 2 + stringSize(key, limit - size);
      size += jsonSize(item, limit - size);
      if (size > limit) return size;
    }
  }
  // Each member brought the bracket or comma after it; without any there is one more bracket.
  return size === 1 ? 2 : size;
}

function stringSize(value: string, limit: number): number {
  let size = 2 + value.length;
  for (let i = 0; i < value.length && size <= limit; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20) size += SHORT_ESCAPES.has(code) ? 1 : 5;
    else if (code < 0x80) size += code === 0x22 || code === 0x5c ? 1 : 0;
    else if (code < 0x800) size += 1;
    else if (code < 0xd800 || code > 0xdfff) size += 2;
    // A pair takes four bytes; a lone half is written as an escape of six.
    else if (code <= 0xdbff && isLowHalf(value.charCodeAt(i + 1))) {
      size += 2;
      i++;
    } else size += 5;
  }
  return size;
}

/** Backspace, tab, line feed, form feed and carriage return. */
const SHORT_ESCAPES: ReadonlySet<number> = new Set([8, 9, 10, 12, 13]);

function isLowHalf(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

/**
 * How deeply arguments and results may be nested: less than messages may, as
 * they travel inside of messages, and those inside of histories.
 */
export const MAX_TOOL_DEPTH = 400;

/** Whether arrays and objects are nested more deeply than that. */
export function isTooDeep(value: Json, levels: number = MAX_TOOL_DEPTH): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isTooDeep(item, levels - 1));
}
