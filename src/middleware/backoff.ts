import { checkNumber, checkOptions, checkWord } from "../core/options.ts";

const ACTION = "back off";
const JITTERS: readonly Jitter[] = ["full", "equal", "none"];

/** What a {@linkcode Backoff} may go by. */
export interface BackoffContext {
  /** How many attempts have failed, from 1. */
  readonly attempt: number;
  /** The previous wait of this call in milliseconds; 0 before the first. */
  readonly previousMs: number;
  /** A number from 0 up to, but without, 1. */
  readonly random: () => number;
}

/** Tells how many milliseconds to wait before the next attempt. */
export type Backoff = (context: BackoffContext) => number;

/**
 * How a wait is spread by chance, so that callers that failed together do not
 * come back together: `"full"` takes any time up to the computed one,
 * `"equal"` at least half of it, `"none"` all of it. As in "Exponential Backoff
 * and Jitter" (Marc Brooker, AWS Architecture Blog, 2015).
 */
export type Jitter = "full" | "equal" | "none";

/** Options of {@linkcode exponentialBackoff}. */
export interface ExponentialBackoffOptions {
  /** The wait after the first failure, in milliseconds. @default {1000} */
  readonly initialMs?: number | undefined;
  /** The longest wait, in milliseconds. @default {30000} */
  readonly maxMs?: number | undefined;
  /** What each wait is multiplied by to get the next; above 1. @default {2} */
  readonly multiplier?: number | undefined;
  /** How the wait is spread. @default {"full"} */
  readonly jitter?: Jitter | undefined;
}

/** Options of {@linkcode constantBackoff}. */
export interface ConstantBackoffOptions {
  /** How the wait is spread. @default {"none"} */
  readonly jitter?: Jitter | undefined;
}

/** Options of {@linkcode decorrelatedBackoff}. */
export interface DecorrelatedBackoffOptions {
  /** The shortest wait, in milliseconds. @default {1000} */
  readonly initialMs?: number | undefined;
  /** The longest wait, in milliseconds. @default {30000} */
  readonly maxMs?: number | undefined;
}

/**
 * Waits that grow by a factor: `initialMs * multiplier ** (attempt - 1)`, no
 * longer than `maxMs`, spread by `jitter`.
 *
 * @example
 * ```ts
 * import { exponentialBackoff } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const backoff = exponentialBackoff({ initialMs: 100, maxMs: 500, jitter: "none" });
 * const waits = [1, 2, 3, 4].map((attempt) =>
 *   backoff({ attempt, previousMs: 0, random: Math.random })
 * );
 * assert.deepEqual(waits, [100, 200, 400, 500]);
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds, or `maxMs` is below `initialMs`.
 */
export function exponentialBackoff(options: ExponentialBackoffOptions = {}): Backoff {
  checkOptions(ACTION, options);
  const { initialMs = 1000, maxMs = 30_000, multiplier = 2, jitter = "full" } = options;
  checkSpan(initialMs, maxMs);
  checkNumber(ACTION, "multiplier", multiplier, { min: 1, exclusive: true });
  checkWord(ACTION, "jitter", jitter, JITTERS);
  return ({ attempt, random }) =>
    spread(Math.min(initialMs * multiplier ** (attempt - 1), maxMs), jitter, random);
}

/**
 * The same wait each time.
 *
 * @example
 * ```ts
 * import { constantBackoff } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const backoff = constantBackoff(250);
 * assert.equal(backoff({ attempt: 7, previousMs: 250, random: Math.random }), 250);
 * ```
 *
 * @param ms How long to wait, in milliseconds; 0 means not at all.
 * @throws {TypeError} If an argument is of a wrong type.
 * @throws {RangeError} If `ms` is negative, NaN or infinite.
 */
export function constantBackoff(ms: number, options: ConstantBackoffOptions = {}): Backoff {
  checkOptions(ACTION, options);
  const { jitter = "none" } = options;
  checkNumber(ACTION, "ms", ms, { min: 0 });
  checkWord(ACTION, "jitter", jitter, JITTERS);
  return ({ random }) => spread(ms, jitter, random);
}

/**
 * Waits drawn between `initialMs` and three times the previous wait, no longer
 * than `maxMs`: they grow with the failures, yet no two callers keep step.
 * "Decorrelated jitter" of "Exponential Backoff and Jitter" (Marc Brooker, AWS
 * Architecture Blog, 2015).
 *
 * @example
 * ```ts
 * import { decorrelatedBackoff } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const backoff = decorrelatedBackoff({ initialMs: 100, maxMs: 1000 });
 * assert.equal(backoff({ attempt: 1, previousMs: 0, random: () => 0 }), 100);
 * assert.equal(backoff({ attempt: 2, previousMs: 200, random: () => 0.5 }), 350);
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds, or `maxMs` is below `initialMs`.
 */
export function decorrelatedBackoff(options: DecorrelatedBackoffOptions = {}): Backoff {
  checkOptions(ACTION, options);
  const { initialMs = 1000, maxMs = 30_000 } = options;
  checkSpan(initialMs, maxMs);
  return ({ previousMs, random }) => {
    const upper = Math.max(previousMs, initialMs) * 3;
    return Math.min(maxMs, initialMs + random() * (upper - initialMs));
  };
}

function spread(ms: number, jitter: Jitter, random: () => number): number {
  if (jitter === "none") return ms;
  return jitter === "full" ? random() * ms : ms / 2 + random() * ms / 2;
}

function checkSpan(initialMs: number, maxMs: number): void {
  checkNumber(ACTION, "initialMs", initialMs, { min: 0, exclusive: true });
  checkNumber(ACTION, "maxMs", maxMs, { min: 0, exclusive: true });
  if (maxMs < initialMs) {
    throw new RangeError(
      `Cannot ${ACTION} as 'maxMs' must be at least 'initialMs' (${initialMs}): ` +
        `current value is ${maxMs}`,
    );
  }
}
