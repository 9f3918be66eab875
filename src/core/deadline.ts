import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { TimeoutError } from "./errors.ts";
import { onAbort } from "./signals.ts";

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Waits for a promise, but no longer than some milliseconds. The name and
 * signature are those of `@std/async`; the error is a {@linkcode TimeoutError}.
 * All deadlines of a clock share one timer.
 *
 * @example
 * ```ts
 * import { deadline, TimeoutError } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await deadline(Promise.resolve(1), 100), 1);
 * await assert.rejects(deadline(new Promise(() => {}), 2), TimeoutError);
 * ```
 *
 * @param promise What to wait for.
 * @param ms The longest wait, in milliseconds.
 * @throws {TimeoutError} If the time is over first.
 */
export function deadline<T>(
  promise: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  const clock = options.clock ?? systemClock;
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(clock.now() + ms, () => {
      release();
      reject(new TimeoutError(`Timed out after ${ms} ms`, { timeoutMs: ms }));
    });
    const release = onAbort(options.signal, () => {
      timer.cancel();
      reject(options.signal!.reason);
    });
    const done = () => {
      timer.cancel();
      release();
    };
    promise.then(
      (value) => {
        done();
        resolve(value);
      },
      (error) => {
        done();
        reject(error);
      },
    );
  });
}
