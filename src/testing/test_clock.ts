import { checkNumber } from "../core/options.ts";
import { type Clock, sleepOn, type Timer } from "../core/clock.ts";

interface Entry extends Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to advance, so that tests of
 * timeouts and backoff take no time and always go the same way.
 *
 * @example
 * ```ts
 * import { TestClock } from "@agenkit/agenkit/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new TestClock();
 * let rang = false;
 * clock.schedule(1000, () => rang = true);
 * await clock.advance(999);
 * assert.equal(rang, false);
 * await clock.advance(1);
 * assert.equal(rang, true);
 * ```
 */
export class TestClock implements Clock {
  #now: number;
  #order = 0;
  #entries: Entry[] = [];

  /**
   * Makes a clock that stands still.
   *
   * @param start What {@linkcode TestClock.now} tells first, in milliseconds.
   */
  constructor(start = 0) {
    this.#now = start;
  }

  /** How many timers wait. Zero when nothing was leaked. */
  get pending(): number {
    return this.#entries.length;
  }

  /** When the next timer is due, or `undefined`. */
  get nextAt(): number | undefined {
    return this.#next()?.at;
  }

  /** The time, in milliseconds. */
  now(): number {
    return this.#now;
  }

  /** Waits until the clock has advanced by so many milliseconds. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  /** Runs a callback when the clock reaches a time. */
  schedule(at: number, callback: () => void): Timer {
    const entry: Entry = {
      at: Number.isNaN(at) ? Number.NEGATIVE_INFINITY : at,
      order: this.#order++,
      callback,
      cancel: () => {
        const index = this.#entries.indexOf(entry);
        if (index >= 0) this.#entries.splice(index, 1);
      },
    };
    this.#entries.push(entry);
    return entry;
  }

  /**
   * Moves time on, running what falls due in order, each with the time it asked
   * for. After each the promise jobs run, so a call that is woken can go on and
   * wait again within the same advance.
   *
   * @throws {RangeError} If `ms` is negative or not finite.
   */
  async advance(ms: number): Promise<void> {
    const target = this.#now + checkNumber("advance", "ms", ms, { min: 0 });
    await settle();
    for (let next = this.#next(); next && next.at <= target; next = this.#next()) {
      this.#now = Math.max(this.#now, next.at);
      next.cancel();
      next.callback();
      await settle();
    }
    this.#now = target;
  }

  /**
   * Advances from timer to timer until none waits (but for those at `Infinity`, which never come),
   * at most `limit` times.
   */
  async runAll(limit = 10_000): Promise<void> {
    await settle();
    for (let i = 0, next = this.#next(); next && next.at < Infinity; next = this.#next(), i++) {
      if (i >= limit) throw new Error(`Cannot run all timers: more than ${limit} came up`);
      await this.advance(Math.max(0, next.at - this.#now));
    }
  }

  #next(): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of this.#entries) {
      if (!first || entry.at < first.at || (entry.at === first.at && entry.order < first.order)) {
        first = entry;
      }
    }
    return first;
  }
}

/** Lets all promise jobs that are ready run: a stack of layers takes several rounds. */
async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await null;
}
