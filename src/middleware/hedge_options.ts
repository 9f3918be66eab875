import type { Middleware } from "../core/agent.ts";
import type { Clock } from "../core/clock.ts";
import { checkClock, checkFunction, checkNumber, checkOptions } from "../core/options.ts";
import { checkBudget, type RetryBudget, retryBudget } from "./retry_budget.ts";
import type { RequestMetrics } from "./request_counts.ts";

/** Told to `onHedge` when a further attempt starts. */
export interface HedgeEvent {
  /** The name of the agent. */
  readonly agent: string;
  /** Which attempt starts: 2 for the first hedge. */
  readonly attempt: number;
  /** How long the attempt before was waited for, in milliseconds. */
  readonly delayMs: number;
}

/** Options of `hedge`. */
export interface HedgeOptions {
  /** How long to wait for an answer before the next attempt, in milliseconds. Default: `percentile`. */
  readonly delayMs?: number | undefined;
  /**
   * Waits as long as this share of the latest calls took, above 0 and below 1,
   * in place of `delayMs`. @default {0.95}
   */
  readonly percentile?: number | undefined;
  /** The wait while fewer than 20 calls have shown how long they take. @default {1000} */
  readonly initialDelayMs?: number | undefined;
  /** How many attempts are made at most, the first one included. @default {2} */
  readonly maxAttempts?: number | undefined;
  /**
   * Limits hedges to a share of the calls, see `retryBudget`.
   * @default {retryBudget({ ratio: 0.1, burst: 10 })}
   */
  readonly budget?: RetryBudget | undefined;
  /** Told when a further attempt starts. What it throws is ignored. */
  readonly onHedge?: ((event: HedgeEvent) => void) | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * What a `hedge` value has counted. Always: `totalRequests` = successful +
 * failed + cancelled + in flight.
 */
export interface HedgeMetrics extends RequestMetrics {
  /** Attempts beyond the first of each call. */
  readonly hedges: number;
  /** Calls that such an attempt answered first. */
  readonly hedgeWins: number;
  /** Hedges that the budget did not allow. */
  readonly hedgesDenied: number;
  /** The wait before the next hedge would start, in milliseconds. */
  readonly currentDelayMs: number;
}

/** What `hedge` returns: a middleware that shows what it has counted. */
export interface Hedge extends Middleware {
  /** What was counted so far, as a frozen object that no later call changes. */
  readonly metrics: HedgeMetrics;
}

/** Options with every default in place. */
export interface HedgePolicy {
  readonly delayMs: number | undefined;
  readonly percentile: number;
  readonly initialDelayMs: number;
  readonly maxAttempts: number;
  readonly budget: RetryBudget;
  readonly onHedge: ((event: HedgeEvent) => void) | undefined;
  readonly clock: Clock;
}

const ACTION = "hedge";

/** Checks the options and puts defaults in place. */
export function hedgePolicy(options: HedgeOptions): HedgePolicy {
  checkOptions(ACTION, options);
  const { delayMs, percentile, initialDelayMs = 1000, maxAttempts = 2, budget } = options;
  if (delayMs !== undefined) checkNumber(ACTION, "delayMs", delayMs, { min: 0 });
  if (percentile !== undefined) {
    if (delayMs !== undefined) {
      throw new TypeError(
        `Cannot ${ACTION} as 'percentile' must not be given together with 'delayMs'`,
      );
    }
    checkNumber(ACTION, "percentile", percentile, { min: 0, exclusive: true, max: 0.9999 });
  }
  checkNumber(ACTION, "initialDelayMs", initialDelayMs, { min: 0 });
  checkNumber(ACTION, "maxAttempts", maxAttempts, { min: 2, integer: true });
  checkBudget(ACTION, budget);
  checkFunction(ACTION, "onHedge", options.onHedge);
  return {
    delayMs,
    percentile: percentile ?? 0.95,
    initialDelayMs,
    maxAttempts,
    budget: budget ?? retryBudget({ ratio: 0.1, burst: 10 }),
    onHedge: options.onHedge,
    clock: checkClock(ACTION, options.clock),
  };
}
