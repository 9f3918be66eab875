import type { CallOptions } from "../core/call.ts";
import { isCancelled } from "./outcome.ts";

/**
 * What every middleware counts that sees its calls to their end. Each call is
 * in one of these counts, or in one that a middleware adds, and in the total.
 */
export interface RequestMetrics {
  /** Calls so far, those that were refused or are under way included. */
  readonly totalRequests: number;
  /** Calls that were answered. */
  readonly successfulRequests: number;
  /** Calls that failed. */
  readonly failedRequests: number;
  /** Calls that the caller cancelled, and streams that it left early. */
  readonly cancelledRequests: number;
  /** Calls under way, also those that wait. */
  readonly inFlightRequests: number;
}

/** Counts calls by how they end. */
export class RequestCounts {
  successful = 0;
  failed = 0;
  timedOut = 0;
  rejected = 0;
  cancelled = 0;
  inFlight = 0;

  /** Counts a call that ended with an error. */
  fail(error: unknown, call: CallOptions | undefined): void {
    if (isCancelled(error, call)) this.cancelled++;
    else this.failed++;
  }

  /** What all have in common; to be frozen by whoever adds the rest. */
  get metrics(): RequestMetrics {
    const { successful, failed, timedOut, rejected, cancelled, inFlight } = this;
    return {
      totalRequests: successful + failed + timedOut + rejected + cancelled + inFlight,
      successfulRequests: successful,
      failedRequests: failed,
      cancelledRequests: cancelled,
      inFlightRequests: inFlight,
    };
  }
}
