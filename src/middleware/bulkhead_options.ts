import type { Middleware } from "../core/agent.ts";
import type { Clock } from "../core/clock.ts";
import { checkClock, checkNumber, checkOptions } from "../core/options.ts";
import { type AdaptiveLimit, checkAdaptive } from "./adaptive_limit.ts";
import type { RequestMetrics } from "./request_counts.ts";

/** Options of `bulkhead`. */
export interface BulkheadOptions {
  /** How many calls may run at once. @default {10} */
  readonly maxConcurrent?: number | undefined;
  /** How many more may wait for a place; 0 refuses them. @default {100} */
  readonly maxQueue?: number | undefined;
  /** How long a call may wait for a place, in milliseconds. Default: as long as its deadline. */
  readonly maxWaitMs?: number | undefined;
  /**
   * Finds the limit from how the calls go, in place of `maxConcurrent`:
   * `aimdLimit()` or `gradientLimit()`. Default: the limit is fixed.
   */
  readonly adaptive?: AdaptiveLimit | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * What a bulkhead has counted. Always: `totalRequests` = successful + failed +
 * rejected + cancelled + in flight.
 */
export interface BulkheadMetrics extends RequestMetrics {
  /** Calls that got no place in time. */
  readonly rejectedRequests: number;
  /** Calls that run. */
  readonly runningRequests: number;
  /** Calls that wait for a place. */
  readonly queuedRequests: number;
  /** How many may run at once now. */
  readonly currentLimit: number;
}

/** What `bulkhead` returns: a middleware that shows what it has counted. */
export interface Bulkhead extends Middleware {
  /** What was counted so far, as a frozen object that no later call changes. */
  readonly metrics: BulkheadMetrics;
}

/** Options with every default in place. */
export interface BulkheadPolicy {
  readonly limit: { readonly limit: number };
  readonly adaptive: AdaptiveLimit | undefined;
  readonly maxQueue: number;
  readonly maxWaitMs: number;
  readonly clock: Clock;
}

const ACTION = "limit concurrency";

/** Checks the options and puts defaults in place. */
export function bulkheadPolicy(options: BulkheadOptions): BulkheadPolicy {
  checkOptions(ACTION, options);
  const { maxConcurrent = 10, maxQueue = 100, maxWaitMs, adaptive } = options;
  checkNumber(ACTION, "maxConcurrent", maxConcurrent, { min: 1, integer: true });
  checkNumber(ACTION, "maxQueue", maxQueue, { min: 0, integer: true });
  if (maxWaitMs !== undefined) {
    checkNumber(ACTION, "maxWaitMs", maxWaitMs, { min: 0, exclusive: true });
  }
  checkAdaptive(adaptive);
  if (adaptive !== undefined && options.maxConcurrent !== undefined) {
    throw new TypeError(
      `Cannot ${ACTION} as 'maxConcurrent' must not be given together with 'adaptive', ` +
        `which replaces it`,
    );
  }
  return {
    limit: adaptive ?? { limit: maxConcurrent },
    adaptive,
    maxQueue,
    maxWaitMs: maxWaitMs ?? Number.POSITIVE_INFINITY,
    clock: checkClock(ACTION, options.clock),
  };
}
