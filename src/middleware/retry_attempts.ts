/** What led to an error that a retrying agent gave up with, see {@linkcode attemptsOf}. */
export interface Attempts {
  /** How many attempts were made. */
  readonly attempts: number;
  /** What each attempt failed with, in order; the last is the error itself. */
  readonly errors: readonly unknown[];
  /** How long was waited between the attempts, in milliseconds. */
  readonly waitedMs: number;
  /**
   * Why there was no further attempt: `maxAttempts` were made, `retryIf`
   * refused the error, the deadline or `totalMs` had no room for it, the retry
   * budget was used up, or a stream had begun.
   */
  readonly stoppedBy: "maxAttempts" | "retryIf" | "deadline" | "budget" | "stream";
}

const ATTEMPTS = new WeakMap<object, Attempts>();

/**
 * Tells what happened before a retrying agent gave up with this error. The
 * error itself stays exactly what the agent threw, unwrapped and unchanged
 * (it might be frozen, or thrown to others too), so `instanceof` and `code`
 * work as without `retry`.
 *
 * @example
 * ```ts
 * import { agent, attemptsOf, message, retry, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const failing = agent("failing", () => {
 *   throw new TypeError("no network");
 * });
 * const retrying = wrap(failing, retry({ maxAttempts: 2, initialBackoffMs: 1 }));
 * const error = await retrying.process(message("user", "hi")).catch((error) => error);
 * assert.ok(error instanceof TypeError);
 * assert.equal(attemptsOf(error)?.attempts, 2);
 * ```
 *
 * @returns `undefined` if no retrying agent gave up with it. For an error that
 * was thrown several times, or passed several `retry` layers, the last.
 */
export function attemptsOf(error: unknown): Attempts | undefined {
  return isObject(error) ? ATTEMPTS.get(error) : undefined;
}

/** Remembers what led to an error. */
export function recordAttempts(error: unknown, attempts: Attempts): void {
  if (isObject(error)) ATTEMPTS.set(error, Object.freeze(attempts));
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
