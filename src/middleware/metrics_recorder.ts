import type { CallOptions } from "../core/call.ts";
import type { Code } from "../core/code.ts";
import { codeOf } from "../core/errors.ts";
import { Histogram } from "./histogram.ts";
import { type FailedOutcome, outcomeOf } from "./metrics_outcome.ts";
import { type MetricsSnapshot, summary } from "./metrics_snapshot.ts";

/** Counts the calls of a {@linkcode metrics} value. */
export class MetricsRecorder {
  readonly #latency = new Histogram();
  readonly #firstChunk = new Histogram();
  readonly #codes = new Map<Code, number>();
  #inFlight = 0;
  #success = 0;
  #failed = 0;
  #timedOut = 0;
  #rejected = 0;
  #cancelled = 0;
  #streams = 0;
  #chunks = 0;

  begin(): void {
    this.#inFlight++;
  }

  beginStream(): void {
    this.#inFlight++;
    this.#streams++;
  }

  firstChunk(ms: number): void {
    this.#firstChunk.record(ms);
  }

  chunk(): void {
    this.#chunks++;
  }

  succeed(ms: number): void {
    this.#inFlight--;
    this.#success++;
    this.#latency.record(ms);
  }

  fail(error: unknown, call: CallOptions | undefined, ms: number): void {
    const outcome = outcomeOf(error, call);
    this.#end(outcome, codeFor(outcome, error));
    // What never reached the agent, or was given up, says nothing of how long it takes.
    if (outcome === "failed" || outcome === "timedOut") this.#latency.record(ms);
  }

  /** Ends a stream that its consumer has left. */
  abandon(): void {
    this.#end("cancelled", "cancelled");
  }

  #end(outcome: FailedOutcome, code: Code): void {
    this.#inFlight--;
    if (outcome === "failed") this.#failed++;
    else if (outcome === "timedOut") this.#timedOut++;
    else if (outcome === "rejected") this.#rejected++;
    else this.#cancelled++;
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
  }

  /** Starts counting afresh. Calls in flight stay in flight, and count for the new period. */
  reset(): void {
    this.#latency.reset();
    this.#firstChunk.reset();
    this.#codes.clear();
    this.#success =
      this.#failed =
      this.#timedOut =
      this.#rejected =
      this.#cancelled =
        0;
    this.#streams = this.#chunks = 0;
  }

  snapshot(): MetricsSnapshot {
    const errors = this.#failed + this.#timedOut + this.#rejected;
    const ended = this.#success + errors;
    const latency = this.#latency;
    return Object.freeze({
      totalRequests: ended + this.#cancelled + this.#inFlight,
      successRequests: this.#success,
      errorRequests: errors,
      failedRequests: this.#failed,
      timedOutRequests: this.#timedOut,
      rejectedRequests: this.#rejected,
      cancelledRequests: this.#cancelled,
      inFlightRequests: this.#inFlight,
      codes: Object.freeze(Object.fromEntries(this.#codes)),
      errorRate: ended === 0 ? undefined : errors / ended,
      totalLatencyMs: latency.sum,
      averageLatencyMs: latency.mean,
      minLatencyMs: latency.min,
      maxLatencyMs: latency.max,
      latencyMs: summary(latency),
      streamRequests: this.#streams,
      streamChunks: this.#chunks,
      firstChunkMs: summary(this.#firstChunk),
    });
  }
}

function codeFor(outcome: FailedOutcome, error: unknown): Code {
  if (outcome === "cancelled") return "cancelled";
  return codeOf(error) ?? (outcome === "timedOut" ? "deadline_exceeded" : "unknown");
}
