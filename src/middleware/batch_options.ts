import type { Agent, Middleware } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Message } from "../core/message.ts";

/** An agent that can answer several messages in one go, for less than one by one. */
export interface BatchAgent extends Agent {
  /**
   * Answers messages together. Rejecting fails all of them.
   *
   * @param messages What is asked.
   * @param calls The options of each call, in the same order.
   * @param signal Aborts when all callers have left.
   * @returns For each message, in the same order, an answer or the error that it ends with.
   */
  processBatch(
    messages: readonly Message[],
    calls: readonly CallOptions[],
    signal: AbortSignal,
  ): Promise<readonly (Message | Error)[]>;
}

/** Options of `batch`. */
export interface BatchOptions {
  /** How many calls make a batch that is sent at once. @default {10} */
  readonly maxBatchSize?: number | undefined;
  /**
   * How long the first call of a batch waits for others, in milliseconds. With
   * 0, calls of the same turn of the event loop come together.
   *
   * @default {100}
   */
  readonly maxWaitMs?: number | undefined;
  /** The most calls that wait to be sent; more are refused. @default {1000} */
  readonly maxQueueSize?: number | undefined;
  /** The most batches that run at the same time. @default {4} */
  readonly maxConcurrentBatches?: number | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * What a `batch` value has counted. Always: `totalRequests = successfulRequests +
 * failedRequests + rejectedRequests + cancelledRequests + queuedRequests +
 * runningRequests`.
 */
export interface BatchMetrics {
  /** Calls that came in. */
  readonly totalRequests: number;
  /** Calls that were answered. */
  readonly successfulRequests: number;
  /** Calls that ended with an error of the agent, or whose deadline passed before they were sent. */
  readonly failedRequests: number;
  /** Calls refused, as the queue was full or closed. */
  readonly rejectedRequests: number;
  /** Calls whose signal aborted. */
  readonly cancelledRequests: number;
  /** Calls that wait to be sent. */
  readonly queuedRequests: number;
  /** Calls that were sent and wait for their answer. */
  readonly runningRequests: number;
  /** Batches sent. */
  readonly totalBatches: number;
  /** Batches that ended without a failure. */
  readonly successfulBatches: number;
  /** Batches that ended with failures and not one success. */
  readonly failedBatches: number;
  /** Batches that ended with failures and successes. */
  readonly partialBatches: number;
  /** Batches that all callers have left. */
  readonly cancelledBatches: number;
  /** Batches that run now. */
  readonly runningBatches: number;
  /** How long calls have waited to be sent, all together, in milliseconds. */
  readonly totalWaitMs: number;
  /** How long a call waits to be sent on average; `undefined` before the first batch. */
  readonly avgWaitMs: number | undefined;
  /** The size of the smallest batch; `undefined` before the first. */
  readonly minBatchSize: number | undefined;
  /** The size of the largest batch; `undefined` before the first. */
  readonly maxBatchSize: number | undefined;
  /** The average size of a batch; `undefined` before the first. */
  readonly avgBatchSize: number | undefined;
}

/** Whether calls are taken (`open`), only finished (`draining`), or all over (`closed`). */
export type BatchState = "open" | "draining" | "closed";

/** What `batch` returns: a middleware that can be flushed and closed. */
export interface Batch extends Middleware, AsyncDisposable {
  /** Whether it takes calls. */
  readonly state: BatchState;
  /** What was counted so far, as a plain frozen object. */
  readonly metrics: BatchMetrics;
  /** Sends what waits without waiting longer; resolves when all of it, and all that runs, has ended. */
  flush(): Promise<void>;
  /**
   * Takes no more calls, sends what waits, and resolves when all has ended.
   * Closing again waits for the same end. Streams pass through as before.
   */
  close(): Promise<void>;
}
