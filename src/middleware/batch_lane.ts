import type { Agent } from "../core/agent.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { BatchItem } from "./batch_item.ts";

/** The calls that wait for one agent. It has a timer only while some do. */
export class BatchLane {
  readonly next: Agent;
  readonly #clock: Clock;
  readonly #maxBatchSize: number;
  readonly #onDue: () => void;
  /** In order of arrival; a Set, since leaving from the middle has to be cheap. */
  readonly #items = new Set<BatchItem>();
  /** No item is due before this; items that have left may make it too early. */
  #dueAt = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  constructor(next: Agent, clock: Clock, maxBatchSize: number, onDue: () => void) {
    this.next = next;
    this.#clock = clock;
    this.#maxBatchSize = maxBatchSize;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#items.size;
  }

  /** Whether there is enough for a whole batch. */
  get full(): boolean {
    return this.#items.size >= this.#maxBatchSize;
  }

  /** Whether a batch should be sent. */
  isReady(now: number): boolean {
    return this.#items.size > 0 && (this.full || this.#dueAt <= now);
  }

  items(): Iterable<BatchItem> {
    return this.#items;
  }

  add(item: BatchItem): void {
    this.#items.add(item);
    if (item.dueAt < this.#dueAt) this.#dueAt = item.dueAt;
  }

  /** Takes a call that was given up out of the queue, if it is there. */
  remove(item: BatchItem): boolean {
    if (!this.#items.delete(item)) return false;
    if (this.#items.size === 0) this.disarm();
    return true;
  }

  /** Makes everything that waits due. */
  hurry(): void {
    for (const item of this.#items) item.dueAt = Number.NEGATIVE_INFINITY;
    this.#dueAt = Number.NEGATIVE_INFINITY;
  }

  /** Takes the next batch out of the queue. */
  take(): BatchItem[] {
    const batch: BatchItem[] = [];
    for (const item of this.#items) {
      if (batch.length === this.#maxBatchSize) break;
      this.#items.delete(item);
      batch.push(item);
    }
    this.#recount();
    return batch;
  }

  /** Sets the timer for what is due next. */
  arm(): void {
    if (this.#items.size === 0) return this.disarm();
    if (this.#timer !== undefined && this.#armedFor <= this.#dueAt) return;
    this.#timer?.cancel();
    this.#armedFor = this.#dueAt;
    this.#timer = this.#clock.schedule(this.#dueAt, () => {
      this.disarm();
      this.#recount();
      this.#onDue();
    });
  }

  disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #recount(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#items) if (dueAt < this.#dueAt) this.#dueAt = dueAt;
  }
}
