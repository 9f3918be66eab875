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
  end: RaceEnd | undefined = undefined;
  readonly #link: LinkedSignal;
  readonly #observer: ((end: RaceEnd, error: unknown) => void) | undefined;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #timer: Timer | undefined = undefined;

  /**
   * Starts a race that the caller's signal may end.
   *
   * @param link The signal of the work, below that of the caller; aborted when time is up.
   * @param observer Told what came first, before anybody else learns of it.
   */
  constructor(link: LinkedSignal, observer?: (end: RaceEnd, error: unknown) => void) {
    this.#link = link;
    this.#observer = observer;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    link.watch(this);
  }

  /** Lets the work take part. */
  follow(work: PromiseLike<T>): void {
    work.then(
      (value) => {
        if (this.#settle("answered", undefined)) this.#resolve(value);
      },
      (error) => this.fail(error),
    );
  }

  /** Lets a timer take part. */
  limit(clock: Clock, at: number, late: () => TimeoutError): void {
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.schedule(at, () => this.expire(late()));
  }

  /** The work has failed. */
  fail(error: unknown): void {
    if (this.#settle("failed", error)) this.#reject(error);
  }

  /** Time is up. */
  expire(error: TimeoutError): void {
    if (!this.#settle("timedOut", error)) return;
    this.#reject(error);
    this.#link.abort(error);
  }

  /** The call was aborted. */
  handleEvent(): void {
    const { reason } = this.#link;
    if (this.#settle("aborted", reason)) this.#reject(reason);
  }

  #settle(end: RaceEnd, error: unknown): boolean {
    if (this.end !== undefined) return false;
    this.end = end;
    this.#timer?.cancel();
    this.#link.unwatch(this);
    this.#observer?.(end, error);
    return true;
  }
}
