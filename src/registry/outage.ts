import type { Clock } from "../core/clock.ts";
import { AgenkitError } from "../core/errors.ts";
import { textOf } from "./error_text.ts";

/** The shortest and the longest wait before a store that failed is asked again. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/** Why a store cannot be reached, and when it is asked again: after waits that grow. */
export class Outage {
  readonly #clock: Clock;
  readonly #random: () => number;
  #error: { readonly reason: unknown } | undefined;
  #failures = 0;
  #retryAt = Number.NEGATIVE_INFINITY;

  /** @param random Where chance comes from: numbers from 0, below 1. */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Why the store could not be reached, while that is so. */
  get error(): { readonly reason: unknown } | undefined {
    return this.#error;
  }

  /** Not before this time is the store asked again. */
  get retryAt(): number {
    return this.#retryAt;
  }

  /** The store has failed. Tells whether it had not before. */
  failed(reason: unknown): boolean {
    const first = this.#error === undefined;
    this.#error = { reason };
    const most = Math.min(RETRY_MS * 2 ** this.#failures++, MAX_RETRY_MS);
    // Not all processes at once: half of the wait is chance.
    this.#retryAt = this.#clock.now() + most / 2 + this.#random() * most / 2;
    return first;
  }

  /** The store has answered. Tells whether it had failed before. */
  over(): boolean {
    const failed = this.#error !== undefined;
    this.#error = undefined;
    this.#failures = 0;
    this.retryNow();
    return failed;
  }

  /** The store may be asked at once. */
  retryNow(): void {
    this.#retryAt = Number.NEGATIVE_INFINITY;
  }

  /** The store answers, but has to be asked again after the shortest wait. */
  retryLater(): void {
    this.#retryAt = this.#clock.now() + RETRY_MS;
  }

  /** What a call is told that cannot do without the store. */
  unreachable(): AgenkitError {
    const cause = this.#error?.reason;
    return new AgenkitError("unavailable", `The registry cannot be reached: ${textOf(cause)}`, {
      cause,
    });
  }
}
