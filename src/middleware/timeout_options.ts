import type { Middleware } from "../core/agent.ts";
import type { Clock } from "../core/clock.ts";
import { checkClock, checkNumber, checkOptions } from "../core/options.ts";
import type { RequestMetrics } from "./request_counts.ts";

/** Options of `timeout`. */
export interface TimeoutOptions {
  /**
   * How long a call may take, in milliseconds; of a stream, how long the agent
   * may take for all chunks together, without the time that the consumer
   * spends on them. Not applied to streams by default if `firstChunkMs` or
   * `idleMs` is given. @default {30000}
   */
  readonly totalMs?: number | undefined;
  /** How long a stream may take to its first chunk, in milliseconds. Default: no limit. */
  readonly firstChunkMs?: number | undefined;
  /** How long a stream may take to each later chunk, or to its end. Default: no limit. */
  readonly idleMs?: number | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * What a `timeout` value has counted. Always: `totalRequests` = successful +
 * failed + timed out + cancelled + in flight.
 */
export interface TimeoutMetrics extends RequestMetrics {
  /** Calls for which this middleware's time was up. */
  readonly timedOutRequests: number;
}

/** What `timeout` returns: a middleware that shows what it has counted. */
export interface Timeout extends Middleware {
  /** What was counted so far, as a frozen object that no later call changes. */
  readonly metrics: TimeoutMetrics;
}

/** Options with every default in place. `Infinity` stands for no limit. */
export interface TimeoutLimits {
  readonly clock: Clock;
  readonly totalMs: number;
  readonly streamMs: number;
  readonly firstChunkMs: number;
  readonly idleMs: number;
}

const ACTION = "set a timeout";

/** Checks the options and puts defaults in place. */
export function timeoutLimits(options: TimeoutOptions): TimeoutLimits {
  checkOptions(ACTION, options);
  const { totalMs, firstChunkMs, idleMs } = options;
  for (const [name, value] of Object.entries({ totalMs, firstChunkMs, idleMs })) {
    if (value === undefined) continue;
    checkNumber(ACTION, name, value, { min: 0, exclusive: true });
  }
  const chunked = firstChunkMs !== undefined || idleMs !== undefined;
  return {
    clock: checkClock(ACTION, options.clock),
    totalMs: totalMs ?? 30_000,
    streamMs: totalMs ?? (chunked ? Number.POSITIVE_INFINITY : 30_000),
    firstChunkMs: firstChunkMs ?? Number.POSITIVE_INFINITY,
    idleMs: idleMs ?? Number.POSITIVE_INFINITY,
  };
}
