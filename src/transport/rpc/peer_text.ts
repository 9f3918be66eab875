import type { JsonObject } from "../../core/json.ts";

/** `'key': 'value'` as Python's `repr` writes it; double quotes where the text holds a single one. */
const PYTHON_ENTRY =
  /\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*:\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\s*(?:,|$)/y;

/** Where a key of a Go map begins. Values may have spaces, keys of carriers have none. */
const GO_KEY = /(?:^| )([A-Za-z][\w-]*):/g;

/**
 * Reads a map of texts (such as the carrier of a trace) that came as one text:
 * JSON, or what Python's `str` or Go's `%v` make of a map.
 *
 * @returns `undefined` if it is none of them.
 */
export function readTextMap(text: string): JsonObject | undefined {
  if (text.startsWith("map[") && text.endsWith("]")) return readGoMap(text.slice(4, -1));
  if (!text.startsWith("{") || !text.endsWith("}")) return undefined;
  return readJsonMap(text) ?? readPythonMap(text.slice(1, -1));
}

function readJsonMap(text: string): JsonObject | undefined {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return undefined;
  }
}

function readPythonMap(text: string): JsonObject | undefined {
  const entries: [string, string][] = [];
  PYTHON_ENTRY.lastIndex = 0;
  while (PYTHON_ENTRY.lastIndex < text.length) {
    const match = PYTHON_ENTRY.exec(text);
    if (match === null) return undefined;
    const [, key, otherKey = "", value, otherValue = ""] = match;
    entries.push([unescape(key ?? otherKey), unescape(value ?? otherValue)]);
  }
  return Object.fromEntries(entries);
}

function readGoMap(text: string): JsonObject | undefined {
  const keys = [...text.matchAll(GO_KEY)];
  if (keys.length === 0) return text === "" ? {} : undefined;
  if (keys[0]!.index !== 0) return undefined;
  return Object.fromEntries(
    keys.map((match, i) => [
      match[1]!,
      text.slice(match.index + match[0].length, keys[i + 1]?.index),
    ]),
  );
}

function unescape(text: string): string {
  return text.replace(
    /\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(.))/gs,
    (_, x, u, long, char) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
      return ({ n: "\n", r: "\r", t: "\t" } as Record<string, string>)[char] ?? char;
    },
  );
}
