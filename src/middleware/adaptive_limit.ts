import { checkNumber, checkOptions } from "../core/options.ts";

/** What an {@linkcode AdaptiveLimit} learns from: a call that was answered, or dropped. */
export interface LimitSample {
  /** How long the call took, in milliseconds. */
  readonly latencyMs: number;
  /** How many calls ran when it ended, itself included. */
  readonly inFlight: number;
  /** Whether it timed out, or was refused for overload. */
  readonly dropped: boolean;
}

/**
 * Finds out how many calls an agent can take at once. Made by
 * {@linkcode aimdLimit} or {@linkcode gradientLimit}, or by you; given to
 * `bulkhead`. It learns, so each bulkhead should have its own.
 */
export interface AdaptiveLimit {
  /** How many calls may run at once now; at least 1. */
  readonly limit: number;
  /** Learns from a call that has ended. */
  record(sample: LimitSample): void;
}

/** Bounds that every adaptive limit has. */
export interface AdaptiveLimitOptions {
  /** The limit to start with. @default {20} */
  readonly initial?: number | undefined;
  /** The smallest limit. @default {1} */
  readonly min?: number | undefined;
  /** The largest limit. @default {200} */
  readonly max?: number | undefined;
}

/** Options of {@linkcode aimdLimit}. */
export interface AimdLimitOptions extends AdaptiveLimitOptions {
  /** What the limit is multiplied by after a drop, from 0.5 to 0.99. @default {0.9} */
  readonly backoffRatio?: number | undefined;
  /** A call that takes longer counts as dropped, in milliseconds. Default: no limit. */
  readonly latencyMs?: number | undefined;
}

/** Options of {@linkcode gradientLimit}. */
export interface GradientLimitOptions extends AdaptiveLimitOptions {
  /** How much longer than usual calls may take before the limit falls; at least 1. @default {1.5} */
  readonly tolerance?: number | undefined;
  /** How much one sample may change the limit, above 0 and up to 1. @default {0.2} */
  readonly smoothing?: number | undefined;
  /** How many calls may queue up in the agent without the limit falling. @default {4} */
  readonly queueSize?: number | undefined;
}

/**
 * Additive increase, multiplicative decrease: one more while all goes well and
 * the limit is used, a share less when a call is dropped. As TCP does, after
 * Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for
 * Congestion Avoidance in Computer Networks" (1989); the rule for when to grow
 * is that of Netflix's `concurrency-limits`.
 *
 * @example
 * ```ts
 * import { aimdLimit } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const limit = aimdLimit({ initial: 10 });
 * limit.record({ latencyMs: 20, inFlight: 10, dropped: false });
 * assert.equal(limit.limit, 11);
 * limit.record({ latencyMs: 20, inFlight: 11, dropped: true });
 * assert.equal(limit.limit, 9);
 * ```
 *
 * @throws {TypeError} If an option is not a number.
 * @throws {RangeError} If an option is out of bounds.
 */
export function aimdLimit(options: AimdLimitOptions = {}): AdaptiveLimit {
  const { initial, min, max } = checkBounds(options);
  const { backoffRatio = 0.9, latencyMs } = options;
  checkNumber(ACTION, "backoffRatio", backoffRatio, { min: 0.5, max: 0.99 });
  if (latencyMs !== undefined) {
    checkNumber(ACTION, "latencyMs", latencyMs, { min: 0, exclusive: true });
  }
  let limit = initial;
  return {
    get limit() {
      return limit;
    },
    record(sample) {
      if (sample.dropped || (latencyMs !== undefined && sample.latencyMs > latencyMs)) {
        limit = Math.max(min, Math.floor(limit * backoffRatio));
      } else if (sample.inFlight * 2 >= limit) limit = Math.min(max, limit + 1);
    },
  };
}

/** How many samples the usual latency is averaged over. */
const LONG_WINDOW = 600;
const WARM_UP = 10;

/**
 * Compares how long calls take now with how long they usually take: when they
 * take longer, work queues up in the agent, and the limit falls by that
 * gradient. It needs no drops to learn from. The algorithm is `Gradient2` of
 * Netflix's `concurrency-limits`.
 *
 * @example
 * ```ts
 * import { gradientLimit } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const limit = gradientLimit({ initial: 20 });
 * const run = (latencyMs: number) =>
 *   limit.record({ latencyMs, inFlight: limit.limit, dropped: false });
 * for (let i = 0; i < 50; i++) run(10);
 * const before = limit.limit;
 * for (let i = 0; i < 50; i++) run(80);
 * assert.ok(before > 20 && limit.limit < before);
 * ```
 *
 * @throws {TypeError} If an option is not a number.
 * @throws {RangeError} If an option is out of bounds.
 */
export function gradientLimit(options: GradientLimitOptions = {}): AdaptiveLimit {
  const { initial, min, max } = checkBounds(options);
  const { tolerance = 1.5, smoothing = 0.2, queueSize = 4 } = options;
  checkNumber(ACTION, "tolerance", tolerance, { min: 1 });
  checkNumber(ACTION, "smoothing", smoothing, { min: 0, exclusive: true, max: 1 });
  checkNumber(ACTION, "queueSize", queueSize, { min: 0, integer: true });
  let estimate = initial;
  let usualMs: number | undefined;
  let samples = 0;
  return {
    get limit() {
      return Math.max(1, Math.floor(estimate));
    },
    record({ latencyMs, inFlight, dropped }) {
      // A latency of zero, as coarse clocks give, would be divided by.
      const shortMs = Math.max(latencyMs, 0.001);
      // The first samples are averaged, or the first alone would count for hundreds of calls.
      const weight = ++samples <= WARM_UP ? 1 / samples : 2 / (LONG_WINDOW + 1);
      usualMs = usualMs === undefined ? shortMs : usualMs + (shortMs - usualMs) * weight;
      // After an overload has passed the average must come down faster than it would.
      if (usualMs / shortMs > 2) usualMs *= 0.95;
      if (inFlight < estimate / 2 && !dropped) return;
      const gradient = dropped ? 0.5 : Math.max(0.5, Math.min(1, tolerance * usualMs / shortMs));
      const aim = estimate * gradient + (dropped ? 0 : queueSize);
      estimate = Math.min(max, Math.max(min, estimate * (1 - smoothing) + aim * smoothing));
    },
  };
}

const ACTION = "limit concurrency";

function checkBounds(
  options: AdaptiveLimitOptions,
): { readonly initial: number; readonly min: number; readonly max: number } {
  checkOptions(ACTION, options);
  const { min = 1, max = 200 } = options;
  checkNumber(ACTION, "min", min, { min: 1, integer: true });
  checkNumber(ACTION, "max", max, { min, integer: true });
  const { initial = Math.min(Math.max(20, min), max) } = options;
  checkNumber(ACTION, "initial", initial, { min, max, integer: true });
  return { initial, min, max };
}

/** Refuses what is no adaptive limit. */
export function checkAdaptive(value: unknown): void {
  if (value === undefined) return;
  const limit = value as Partial<AdaptiveLimit> | null;
  if (
    typeof limit === "object" && limit !== null && typeof limit.limit === "number" &&
    typeof limit.record === "function"
  ) return;
  throw new TypeError(
    `Cannot ${ACTION} as 'adaptive' must be what aimdLimit() or gradientLimit() returns: ` +
      `current value is ${String(value)}`,
  );
}
