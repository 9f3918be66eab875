import type { Clock, Timer } from "../core/clock.ts";
import type { TimeoutError } from "../core/errors.ts";
import type { AbortWatcher, LinkedSignal } from "../core/signals.ts";

/** What came first in a {@linkcode Race}. */
export type RaceEnd = "answered" | "failed" | "timedOut" | "aborted";

/**
 * Work against a timer and against the caller's signal. What comes first
 * counts; if that is not the work, its late result is dropped, and a late
 * failure is never unhandled.
 */
export class Race<T> implements AbortWatcher {
  /** Settles with what came first. */
  readonly promise: Promise<T>;
  /** What came first, once something has. */
  end: RaceEnd | undefined;
  readonly #link: LinkedSignal;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #timer: Timer | undefined;

  /** @param link The signal of the work, below that of the caller; aborted when time is up. */
  constructor(link: LinkedSignal) {
    this.#link = link;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /**
   * Starts the race.
   *
   * @param work Starts the work; may also throw at once.
   * @param at When time is up; `Infinity` for never.
   * @param late Makes the error for that.
   */
  run(work: () => PromiseLike<T>, clock: Clock, at: number, late: () => TimeoutError): void {
    this.#link.watch(this);
    let promise: PromiseLike<T>;
    try {
      promise = work();
    } catch (error) {
      if (this.#settle("failed", error)) this.#reject(error);
      return;
    }
    // Starting the work may have led the caller to give up.
    if (this.end === undefined && at !== Number.POSITIVE_INFINITY) {
      this.#timer = clock.schedule(at, () => this.expire(late()));
    }
    promise.then(
      (value) => {
        if (this.#settle("answered")) this.#resolve(value);
      },
      (error) => {
        if (this.#settle("failed", error)) this.#reject(error);
      },
    );
  }

  /** Ends the race because time is up. */
  expire(error: TimeoutError): void {
    if (!this.#settle("timedOut")) return;
    this.#reject(error);
    this.#link.abort(error);
  }

  /** Ends the race because the call was aborted. */
  handleEvent(): void {
    if (this.#settle("aborted")) this.#reject(this.#link.reason);
  }

  /** Runs when the race is over, before anybody else learns of it. */
  protected ended(_end: RaceEnd, _error: unknown): void {}

  #settle(end: RaceEnd, error?: unknown): boolean {
    if (this.end !== undefined) return false;
    this.end = end;
    this.#timer?.cancel();
    this.#link.unwatch(this);
    this.ended(end, error);
    return true;
  }
}
