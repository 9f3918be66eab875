import type { Middleware } from "../core/agent.ts";
import type { Clock } from "../core/clock.ts";
import { checkClock, checkFunction, checkNumber, checkOptions } from "../core/options.ts";
import { type Backoff, exponentialBackoff, type Jitter } from "./backoff.ts";
import { checkBudget, type RetryBudget } from "./retry_budget.ts";
import type { RequestMetrics } from "./request_counts.ts";

/** Told to `onRetry` before each wait. */
export interface RetryEvent {
  /** The name of the agent that failed. */
  readonly agent: string;
  /** How many attempts have failed, from 1. */
  readonly attempt: number;
  /** What the last of them failed with. */
  readonly error: unknown;
  /** How long it now waits, in milliseconds. */
  readonly delayMs: number;
}

/** Options of `retry`. */
export interface RetryOptions {
  /** How many attempts are made at most, the first one included. @default {3} */
  readonly maxAttempts?: number | undefined;
  /** The wait after the first failure, in milliseconds. @default {1000} */
  readonly initialBackoffMs?: number | undefined;
  /** The longest wait, in milliseconds. @default {30000} */
  readonly maxBackoffMs?: number | undefined;
  /** What each wait is multiplied by to get the next; above 1. @default {2} */
  readonly backoffMultiplier?: number | undefined;
  /** How waits are spread by chance. @default {"full"} */
  readonly jitter?: Jitter | undefined;
  /**
   * Computes the waits, in place of the four options above: such as
   * `constantBackoff(500)` or `decorrelatedBackoff()`.
   * Default: `exponentialBackoff` of the four options above.
   */
  readonly backoff?: Backoff | undefined;
  /**
   * How long all attempts and waits may take together, in milliseconds. No
   * attempt starts that would come later, and attempts see the end as their
   * `deadline`; one that runs is not cut off, which is what `timeout` is for.
   * Default: no limit but the call's own deadline.
   */
  readonly totalMs?: number | undefined;
  /**
   * The longest wait that an error's `retryAfterMs` can ask for, in
   * milliseconds. 0 ignores what errors ask for. @default {60000}
   */
  readonly maxRetryAfterMs?: number | undefined;
  /**
   * Whether a failure is worth another attempt. Not asked once the caller has
   * cancelled. Default: {@linkcode isRetryable}.
   */
  readonly retryIf?: ((error: unknown, attempt: number) => boolean) | undefined;
  /** Told before each wait. What it throws is ignored. */
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
  /** Limits retries to a share of the calls, see `retryBudget`. Default: no limit. */
  readonly budget?: RetryBudget | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Where chance comes from: a number from 0 up to, but without, 1. @default {Math.random} */
  readonly random?: (() => number) | undefined;
}

/**
 * What a `retry` value has counted. Always: `totalRequests` = successful +
 * failed + cancelled + in flight.
 */
export interface RetryMetrics extends RequestMetrics {
  /** Attempts beyond the first of each call. */
  readonly retries: number;
  /** Retries that the budget did not allow. */
  readonly retriesDenied: number;
}

/** What `retry` returns: a middleware that shows what it has counted. */
export interface Retry extends Middleware {
  /** What was counted so far, as a frozen object that no later call changes. */
  readonly metrics: RetryMetrics;
}

/** Options with every default in place. */
export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly totalMs: number | undefined;
  readonly maxRetryAfterMs: number;
  readonly retryIf: (error: unknown, attempt: number) => boolean;
  readonly onRetry: ((event: RetryEvent) => void) | undefined;
  readonly budget: RetryBudget | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

const BACKOFF_OPTIONS = [
  "initialBackoffMs",
  "maxBackoffMs",
  "backoffMultiplier",
  "jitter",
] as const;

/** Checks the options and puts defaults in place. */
export function retryPolicy(
  options: RetryOptions,
  retryIf: (error: unknown) => boolean,
): RetryPolicy {
  checkOptions("retry", options);
  const { maxAttempts = 3, maxRetryAfterMs = 60_000, totalMs } = options;
  checkNumber("retry", "maxAttempts", maxAttempts, { min: 1, integer: true });
  checkNumber("retry", "maxRetryAfterMs", maxRetryAfterMs, { min: 0 });
  if (totalMs !== undefined) {
    checkNumber("retry", "totalMs", totalMs, { min: 0, exclusive: true });
  }
  for (const name of ["backoff", "retryIf", "onRetry", "random"] as const) {
    checkFunction("retry", name, options[name]);
  }
  checkBudget("retry", options.budget);
  return {
    maxAttempts,
    backoff: backoffOf(options),
    totalMs,
    maxRetryAfterMs,
    retryIf: options.retryIf ?? retryIf,
    onRetry: options.onRetry,
    budget: options.budget,
    clock: checkClock("retry", options.clock),
    random: options.random ?? Math.random,
  };
}

function backoffOf(options: RetryOptions): Backoff {
  const { initialBackoffMs = 1000, maxBackoffMs = 30_000, backoffMultiplier = 2 } = options;
  if (options.backoff !== undefined) {
    for (const name of BACKOFF_OPTIONS) {
      if (options[name] === undefined) continue;
      throw new TypeError(
        `Cannot retry as '${name}' must not be given together with 'backoff', which replaces it`,
      );
    }
    return options.backoff;
  }
  checkNumber("retry", "initialBackoffMs", initialBackoffMs, { min: 0, exclusive: true });
  checkNumber("retry", "maxBackoffMs", maxBackoffMs, { min: initialBackoffMs });
  checkNumber("retry", "backoffMultiplier", backoffMultiplier, { min: 1, exclusive: true });
  return exponentialBackoff({
    initialMs: initialBackoffMs,
    maxMs: maxBackoffMs,
    multiplier: backoffMultiplier,
    jitter: options.jitter,
  });
}
