import { invalid, quote, refuse } from "../refuse.ts";

/** What a path within a root may look like. */
export interface PathPolicy {
  /**
   * Whether parts may begin with a dot, as `.git` and `.env` do. Holds for
   * every part of a path, not only the last.
   *
   * @default {false}
   */
  readonly hidden?: boolean;
}

const MAX_LENGTH = 1024;
const MAX_PARTS = 32;
const MAX_PART_BYTES = 255;

// Controls (NUL ends a path early in C), and signs that cannot be seen or that
// reverse what is read, so that a person approves another path than is used.
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\\]/u;

/**
 * Splits a path that a model wrote into the names to walk from the root, and
 * refuses what could lead elsewhere. Nothing is normalised, decoded or looked
 * up: what is not plainly a path below the root is refused, not repaired.
 *
 * @returns The names; none for the root itself, written `.` or as the empty text.
 * @throws {AgenkitError} `permission_denied` or `invalid_argument`.
 */
export function splitPath(path: string, policy: PathPolicy = {}): readonly string[] {
  if (path.length > MAX_LENGTH) {
    throw invalid(`Cannot use a path of ${path.length} characters: expected at most ${MAX_LENGTH}`);
  }
  if (FORBIDDEN.test(path)) {
    throw refuse(`Cannot use ${quote(path)}: control signs, invisible signs and \\ are refused`);
  }
  if (path.startsWith("/")) throw refuse(`Cannot use ${quote(path)}: expected a relative path`);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length > MAX_PARTS) {
    throw invalid(`Cannot use a path of ${parts.length} parts: expected at most ${MAX_PARTS}`);
  }
  for (const part of parts) {
    const reason = nameProblem(part, policy);
    if (reason !== undefined) throw refuse(`Cannot use ${quote(path)}: ${reason}`);
  }
  return parts;
}

/** Why a single name is refused; `undefined` if it is not. */
export function nameProblem(name: string, policy: PathPolicy = {}): string | undefined {
  if (name === "..") return "'..' is refused";
  if (name === "" || name === "." || name.includes("/") || FORBIDDEN.test(name)) {
    return "expected a plain name";
  }
  if (policy.hidden !== true && name.startsWith(".")) return "hidden files are refused";
  if (new TextEncoder().encode(name).length > MAX_PART_BYTES) {
    return `expected names of at most ${MAX_PART_BYTES} bytes`;
  }
  return undefined;
}
