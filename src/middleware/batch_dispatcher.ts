import type { Agent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AgenkitError, TimeoutError } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import { checkClock, checkNumber, checkOptions } from "../core/options.ts";
import { isAborted, reasonOf } from "../core/signals.ts";
import { BatchCounts } from "./batch_counts.ts";
import { BatchItem, type ItemOutcome } from "./batch_item.ts";
import { BatchLane } from "./batch_lane.ts";
import type { BatchOptions, BatchState } from "./batch_options.ts";
import { BatchRun } from "./batch_run.ts";

const ACTION = "batch";

/** The state of one `batch` value: a lane for each agent, and the batches on their way. */
export class BatchDispatcher {
  readonly counts: BatchCounts = new BatchCounts();
  readonly #clock: Clock;
  readonly #maxBatchSize: number;
  readonly #maxWaitMs: number;
  readonly #maxQueueSize: number;
  readonly #maxConcurrentBatches: number;
  /** The lanes in which calls wait; the one that was served last comes last. */
  readonly #lanes = new Set<BatchLane>();
  readonly #runs = new Set<BatchRun>();
  #state: BatchState = "open";
  #dispatching = false;
  #again = false;
  #closing: Promise<void> | undefined;

  constructor(options: BatchOptions) {
    checkOptions(ACTION, options);
    const { maxBatchSize = 10, maxWaitMs = 100 } = options;
    const { maxQueueSize = 1000, maxConcurrentBatches = 4 } = options;
    checkNumber(ACTION, "maxBatchSize", maxBatchSize, { min: 1, integer: true });
    checkNumber(ACTION, "maxWaitMs", maxWaitMs, { min: 0 });
    checkNumber(ACTION, "maxQueueSize", maxQueueSize, { min: 1, integer: true });
    checkNumber(ACTION, "maxConcurrentBatches", maxConcurrentBatches, { min: 1, integer: true });
    if (maxQueueSize < maxBatchSize) {
      throw new RangeError(
        `Cannot ${ACTION} as 'maxQueueSize' must be at least 'maxBatchSize' (${maxBatchSize}): ` +
          `current value is ${maxQueueSize}`,
      );
    }
    this.#clock = checkClock(ACTION, options.clock);
    this.#maxBatchSize = maxBatchSize;
    this.#maxWaitMs = maxWaitMs;
    this.#maxQueueSize = maxQueueSize;
    this.#maxConcurrentBatches = maxConcurrentBatches;
  }

  get state(): BatchState {
    return this.#state;
  }

  /** Makes the lane of an agent. */
  lane(next: Agent): BatchLane {
    return new BatchLane(next, this.#clock, this.#maxBatchSize, () => this.#dispatch());
  }

  /** Lets a call wait in its lane. */
  enqueue(lane: BatchLane, message: Message, call: CallOptions | undefined): Promise<Message> {
    const { counts } = this;
    counts.total++;
    if (isAborted(call)) {
      counts.cancelled++;
      return Promise.reject(reasonOf(call));
    }
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      counts.rejected++;
      return Promise.reject(refusal);
    }
    const now = this.#clock.now();
    const item = new BatchItem(
      message,
      call,
      now,
      now + this.#patience(call, now),
      (ended, outcome) => this.#leave(lane, ended, outcome),
    );
    counts.queued++;
    lane.add(item);
    this.#lanes.add(lane);
    if (counts.runningBatches < this.#maxConcurrentBatches) {
      if (lane.full) this.#dispatch();
      else lane.arm();
    }
    return item.promise;
  }

  async flush(): Promise<void> {
    const waiting: Promise<unknown>[] = [];
    for (const { items } of this.#runs) waiting.push(...items.map((item) => item.promise));
    for (const lane of this.#lanes) {
      for (const item of lane.items()) waiting.push(item.promise);
      lane.hurry();
    }
    this.#dispatch();
    await Promise.allSettled(waiting);
  }

  close(): Promise<void> {
    if (this.#state === "open") this.#state = "draining";
    return this.#closing ??= this.flush().then(() => {
      this.#state = "closed";
    });
  }

  #refusal(): AgenkitError | undefined {
    if (this.#state !== "open") {
      return new AgenkitError("unavailable", `Cannot batch the call: the queue is ${this.#state}`, {
        retryable: false,
      });
    }
    if (this.counts.queued < this.#maxQueueSize) return undefined;
    return new AgenkitError(
      "resource_exhausted",
      `Cannot batch the call: ${this.#maxQueueSize} calls wait already`,
    );
  }

  /** A call with little time left spends no more than half of it waiting for others. */
  #patience(call: CallOptions | undefined, now: number): number {
    if (call?.deadline === undefined) return this.#maxWaitMs;
    return Math.min(this.#maxWaitMs, Math.max(0, call.deadline - now) / 2);
  }

  /** Sends all batches that are ready, as long as more may run. */
  #dispatch(): void {
    this.#again = true;
    // An agent may end a batch while it is being sent, which leads here again.
    if (this.#dispatching) return;
    this.#dispatching = true;
    while (this.#again) {
      this.#again = false;
      const now = this.#clock.now();
      for (const lane of this.#lanes) this.#serve(lane, now);
    }
    this.#dispatching = false;
  }

  #serve(lane: BatchLane, now: number): void {
    if (lane.size === 0) this.#lanes.delete(lane);
    // At the limit no timer is needed: the end of a batch comes first.
    else if (this.counts.runningBatches >= this.#maxConcurrentBatches) lane.disarm();
    else if (!lane.isReady(now)) lane.arm();
    else {
      this.#send(lane.next, lane.take(), now);
      lane.disarm();
      // To the end, where it has its turn again after the others.
      this.#lanes.delete(lane);
      this.#lanes.add(lane);
    }
  }

  #send(next: Agent, taken: readonly BatchItem[], now: number): void {
    const items: BatchItem[] = [];
    let waitMs = 0;
    for (const item of taken) {
      if (item.call?.deadline !== undefined && item.call.deadline <= now) {
        item.fail(new TimeoutError("The deadline passed while waiting for a batch to be sent"));
      } else {
        items.push(item);
        waitMs += now - item.since;
      }
    }
    if (items.length === 0) return;
    const run = new BatchRun(next, items);
    for (const item of items) item.run = run;
    this.#runs.add(run);
    this.counts.sent(items.length, waitMs);
    run.start();
  }

  #leave(lane: BatchLane, item: BatchItem, outcome: ItemOutcome): void {
    const { counts } = this;
    counts[outcome]++;
    const { run } = item;
    if (run === undefined) {
      counts.queued--;
      lane.remove(item);
      return;
    }
    counts.running--;
    const end = run.end(item, outcome);
    if (end === undefined) return;
    counts[end]++;
    counts.runningBatches--;
    this.#runs.delete(run);
    this.#dispatch();
  }
}
