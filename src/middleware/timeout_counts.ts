import type { TimeoutMetrics } from "./timeout_options.ts";

/** Counts the calls of a `timeout` value. */
export class TimeoutCounts {
  successful = 0;
  failed = 0;
  timedOut = 0;
  cancelled = 0;
  inFlight = 0;

  failure(timedOut: boolean, cancelled: boolean): void {
    if (timedOut) this.timedOut++;
    else if (cancelled) this.cancelled++;
    else this.failed++;
  }

  get metrics(): TimeoutMetrics {
    const { successful, failed, timedOut, cancelled, inFlight } = this;
    return Object.freeze({
      totalRequests: successful + failed + timedOut + cancelled + inFlight,
      successfulRequests: successful,
      failedRequests: failed,
      timedOutRequests: timedOut,
      cancelledRequests: cancelled,
      inFlightRequests: inFlight,
    });
  }
}
