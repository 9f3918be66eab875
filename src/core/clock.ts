import { MAX_DELAY_MS, type Timer, TimerQueue } from "./timer_queue.ts";

export type { Timer };

/**
 * Where time comes from. Everything here that waits or measures takes a clock,
 * so that tests can use `TestClock` and never sleep.
 */
export interface Clock {
  /** Monotonic time in milliseconds; its zero means nothing. */
  now(): number;
  /**
   * Resolves after some milliseconds; rejects with the signal's reason when that aborts first.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Runs a callback at a time on this clock, or as soon as possible after it. */
  schedule(at: number, callback: () => void): Timer;
}

/** Waits on a clock. What `sleep` of every clock does. */
export function sleepOn(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = clock.schedule(clock.now() + ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    const onAbort = () => {
      timer.cancel();
      reject(signal!.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function now(): number {
  return performance.now();
}

class SystemClock implements Clock {
  readonly #queue = new TimerQueue(now);
  #shared: boolean | undefined;

  now(): number {
    return now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal);
  }

  schedule(at: number, callback: () => void): Timer {
    // On Workers a timer dies with the request that made it, so none may be shared.
    this.#shared ??= globalThis.navigator?.userAgent !== "Cloudflare-Workers";
    if (this.#shared) return this.#queue.add(at, callback);
    const delay = Math.max(0, Math.ceil(at - now()));
    if (delay > MAX_DELAY_MS) return new TimerQueue(now).add(at, callback);
    const id = setTimeout(callback, delay);
    return { cancel: () => clearTimeout(id) };
  }
}

/**
 * The clock of the machine: `performance.now()`, and one `setTimeout` that all
 * that is waited for shares (see `TimerQueue`), since setting and clearing one
 * a call costs more than everything else that a call does.
 *
 * @example
 * ```ts
 * import { systemClock } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const start = systemClock.now();
 * await systemClock.sleep(5);
 * assert.ok(systemClock.now() - start >= 4);
 * ```
 */
export const systemClock: Clock = new SystemClock();
