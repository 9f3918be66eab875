import { invalid, quote, refuse } from "../refuse.ts";

const MAX_PATTERN = 256;
const MAX_STARS = 2;

/**
 * Splits a pattern of names: `*` and `?` within a name, `**` for any number of
 * directories. It is matched against names that were found by walking, and
 * never handed to the system, so it cannot lead anywhere.
 *
 * @throws {AgenkitError} For `..`, absolute patterns, and more than two `**`.
 */
export function splitPattern(pattern: string): readonly string[] {
  if (pattern.length === 0 || pattern.length > MAX_PATTERN) {
    throw invalid(
      `Cannot use the pattern: expected 1 to ${MAX_PATTERN} characters, got ${pattern.length}`,
    );
  }
  const parts = pattern.split("/");
  if (parts.includes("..") || parts.includes("") || pattern.includes("\\")) {
    throw refuse(`Cannot use the pattern ${quote(pattern)}: '..', \\ and empty names are refused`);
  }
  // Each further one multiplies the ways to match by the depth of the tree.
  if (parts.filter((part) => part === "**").length > MAX_STARS) {
    throw invalid(`Cannot use the pattern ${quote(pattern)}: expected at most ${MAX_STARS} '**'`);
  }
  return parts;
}

/** Whether a path's names match a pattern's. */
export function matchPath(
  pattern: readonly string[],
  names: readonly string[],
  at = 0,
  from = 0,
): boolean {
  for (let i = at, n = from;; i++, n++) {
    const part = pattern[i];
    if (part === undefined) return n === names.length;
    if (part === "**") {
      for (let rest = n; rest <= names.length; rest++) {
        if (matchPath(pattern, names, i + 1, rest)) return true;
      }
      return false;
    }
    const name = names[n];
    if (name === undefined || !matchName(part, name)) return false;
  }
}

/**
 * Matches one name by keeping a single place to come back to, the last `*`:
 * at most pattern times name steps, where a regular expression made of the
 * pattern could take exponentially many.
 */
export function matchName(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (pattern[p] === "*") {
      star = p++;
      resume = n;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++resume;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
