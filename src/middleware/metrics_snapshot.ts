import type { Code } from "../core/code.ts";
import type { Histogram } from "./histogram.ts";

/** Durations in short, in milliseconds. Everything but `count` is `undefined` until the first sample. */
export interface LatencySummary {
  /** How many durations were measured. */
  readonly count: number;
  /** The median. */
  readonly p50: number | undefined;
  /** What 90 % of all durations do not exceed. */
  readonly p90: number | undefined;
  /** What 95 % do not exceed. */
  readonly p95: number | undefined;
  /** What 99 % do not exceed. */
  readonly p99: number | undefined;
  /** What 99.9 % do not exceed. */
  readonly p999: number | undefined;
}

/**
 * What {@linkcode metrics} has counted, as a plain frozen object. Always:
 * `totalRequests = successRequests + failedRequests + timedOutRequests +
 * rejectedRequests + cancelledRequests + inFlightRequests`.
 */
export interface MetricsSnapshot {
  /** Calls begun, streams among them. */
  readonly totalRequests: number;
  /** Calls that were answered, and streams that were read to their end. */
  readonly successRequests: number;
  /** Calls that ended with an error: failed, timed out or rejected. */
  readonly errorRequests: number;
  /** Errors that are neither timeouts nor rejections. */
  readonly failedRequests: number;
  /** Errors with code `deadline_exceeded`. */
  readonly timedOutRequests: number;
  /** Calls refused by a limiter, a bulkhead, a full queue or an open circuit. */
  readonly rejectedRequests: number;
  /** Calls whose signal aborted, and streams that were left early. No errors. */
  readonly cancelledRequests: number;
  /** Calls that have not ended. */
  readonly inFlightRequests: number;
  /** How many calls ended with which code; an error without one counts as `unknown`. */
  readonly codes: Readonly<Partial<Record<Code, number>>>;
  /** Errors among the calls that ended and were not cancelled, from 0 to 1. */
  readonly errorRate: number | undefined;
  /** All latencies together, in milliseconds. */
  readonly totalLatencyMs: number;
  /** The average latency, in milliseconds. */
  readonly averageLatencyMs: number | undefined;
  /** The shortest latency, in milliseconds. */
  readonly minLatencyMs: number | undefined;
  /** The longest latency, in milliseconds. */
  readonly maxLatencyMs: number | undefined;
  /**
   * How long calls took that succeeded, failed or timed out, within 1.6 %. Of
   * a stream, the time that was waited for the agent, not the consumer's own.
   */
  readonly latencyMs: LatencySummary;
  /** Streams begun; part of `totalRequests`. */
  readonly streamRequests: number;
  /** Chunks that streams have handed on. */
  readonly streamChunks: number;
  /** How long streams took to their first chunk. */
  readonly firstChunkMs: LatencySummary;
}

/** Sums a histogram up. */
export function summary(histogram: Histogram): LatencySummary {
  return Object.freeze({
    count: histogram.count,
    p50: histogram.quantile(0.5),
    p90: histogram.quantile(0.9),
    p95: histogram.quantile(0.95),
    p99: histogram.quantile(0.99),
    p999: histogram.quantile(0.999),
  });
}
