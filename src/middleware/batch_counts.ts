import type { BatchMetrics } from "./batch_options.ts";

/** Counts the calls and batches of a `batch` value. */
export class BatchCounts {
  total = 0;
  success = 0;
  failed = 0;
  rejected = 0;
  cancelled = 0;
  queued = 0;
  running = 0;
  batches = 0;
  successfulBatches = 0;
  failedBatches = 0;
  partialBatches = 0;
  cancelledBatches = 0;
  runningBatches = 0;
  #waitMs = 0;
  #sent = 0;
  #minSize: number | undefined;
  #maxSize: number | undefined;

  /** Counts a batch that is sent. */
  sent(size: number, waitMs: number): void {
    this.batches++;
    this.runningBatches++;
    this.running += size;
    this.queued -= size;
    this.#sent += size;
    this.#waitMs += waitMs;
    this.#minSize = Math.min(this.#minSize ?? size, size);
    this.#maxSize = Math.max(this.#maxSize ?? size, size);
  }

  snapshot(): BatchMetrics {
    return Object.freeze({
      totalRequests: this.total,
      successfulRequests: this.success,
      failedRequests: this.failed,
      rejectedRequests: this.rejected,
      cancelledRequests: this.cancelled,
      queuedRequests: this.queued,
      runningRequests: this.running,
      totalBatches: this.batches,
      successfulBatches: this.successfulBatches,
      failedBatches: this.failedBatches,
      partialBatches: this.partialBatches,
      cancelledBatches: this.cancelledBatches,
      runningBatches: this.runningBatches,
      totalWaitMs: this.#waitMs,
      avgWaitMs: this.#sent === 0 ? undefined : this.#waitMs / this.#sent,
      minBatchSize: this.#minSize,
      maxBatchSize: this.#maxSize,
      avgBatchSize: this.batches === 0 ? undefined : this.#sent / this.batches,
    });
  }
}
