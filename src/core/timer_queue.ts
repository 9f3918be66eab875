/** A callback waiting for its time, as {@linkcode Clock.schedule} returns it. */
export interface Timer {
  /** Takes the callback back. Does nothing when it has run or was cancelled before. */
  cancel(): void;
}

/** The longest delay `setTimeout` takes; a later time is waited for in steps. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1;

/**
 * How long the first timer after a pause is set at most, in milliseconds. What
 * comes and goes within that time shares it, and costs no timer of its own.
 */
const SWEEP_MS = 10;

class Entry implements Timer {
  readonly at: number;
  /** Entries of one time run in the order they came. */
  readonly order: number;
  /** Dropped when it has run or was cancelled, so that nothing it holds stays alive. */
  callback: (() => void) | undefined;
  /** Where the entry stands in the heap, or -1. */
  index = -1;
  readonly #queue: TimerQueue;

  constructor(queue: TimerQueue, at: number, order: number, callback: () => void) {
    this.#queue = queue;
    this.at = at;
    this.order = order;
    this.callback = callback;
  }

  cancel(): void {
    // Also of one that is out of the queue and about to run in this turn.
    this.callback = undefined;
    if (this.index >= 0) this.#queue.remove(this);
  }
}

/**
 * Many timers behind one `setTimeout`: a binary heap ordered by time, whose
 * entries know their place, so that adding and removing cost O(log n) and
 * nothing is left behind.
 *
 * The first entry after a pause arms a "sweep" of at most 10 ms; the real delay
 * is set only if something still waits when that fires. Calls that are over by
 * then have cost one timer together, however many there were. The queue never
 * has more than one timer, and none while it is empty (but for a sweep that
 * fires within those 10 ms).
 */
export class TimerQueue {
  readonly #now: () => number;
  readonly #heap: Entry[] = [];
  #order = 0;
  readonly #onTimer = () => this.#fire();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the armed timer fires. */
  #armedFor = Number.POSITIVE_INFINITY;
  /** Whether the armed timer fires within a sweep's time of when it was armed. */
  #sweeping = false;

  /** @param now Tells the time, in monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many entries wait. */
  get size(): number {
    return this.#heap.length;
  }

  /** Runs `callback` at or soon after the time `at`. */
  add(at: number, callback: () => void): Timer {
    // NaN would break the order of the heap; it is treated as due.
    const time = Number.isNaN(at) ? Number.NEGATIVE_INFINITY : at;
    const entry = new Entry(this, time, this.#order++, callback);
    entry.index = this.#heap.push(entry) - 1;
    this.#up(entry);
    if (this.#timer === undefined) this.#arm(SWEEP_MS);
    else if (time < this.#armedFor) this.#arm();
    return entry;
  }

  /** Removes an entry of this queue. */
  remove(entry: Timer): void {
    const { index } = entry as Entry;
    const last = this.#heap.pop()!;
    (entry as Entry).index = -1;
    if (last !== entry) {
      last.index = index;
      this.#heap[index] = last;
      this.#up(last);
      this.#down(last);
    }
    // A sweep is left to fire: the next call is likely to need it, and it is due soon.
    if (this.#heap.length === 0 && !this.#sweeping) this.#disarm();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  /** Sets the timer for the first entry, or for the sweep if that is earlier. */
  #arm(atMost: number = MAX_DELAY_MS): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    const now = this.#now();
    const delay = Math.min(Math.max(Math.ceil(this.#heap[0]!.at - now), 0), atMost);
    this.#armedFor = now + delay;
    this.#sweeping = delay <= SWEEP_MS;
    this.#timer = setTimeout(this.#onTimer, delay);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#now();
    // Only what is due now: a callback that adds a due entry must not starve the loop.
    const due: Entry[] = [];
    while (this.#heap.length > 0 && this.#heap[0]!.at <= now) {
      const entry = this.#heap[0]!;
      due.push(entry);
      this.remove(entry);
    }
    if (this.#heap.length > 0) this.#arm();
    for (const entry of due) {
      const { callback } = entry;
      entry.callback = undefined;
      try {
        callback?.();
      } catch (error) {
        // One broken callback must not keep the others from their time.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  #up(entry: Entry): void {
    const heap = this.#heap;
    let { index } = entry;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex]!;
      if (!isBefore(entry, parent)) break;
      heap[index] = parent;
      parent.index = index;
      index = parentIndex;
    }
    heap[index] = entry;
    entry.index = index;
  }

  #down(entry: Entry): void {
    const heap = this.#heap;
    const { length } = heap;
    let { index } = entry;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      const candidate = heap[child]!;
      if (!isBefore(candidate, entry)) break;
      heap[index] = candidate;
      candidate.index = index;
      index = child;
    }
    heap[index] = entry;
    entry.index = index;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
