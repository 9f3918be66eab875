import { NOT_BEGUN } from "../core/begun.ts";
import { AgenkitError } from "../core/errors.ts";

/** What is said to those who come while a server drains. */
export const DRAINING = "The server is draining: it takes no new calls";

/** Counts the calls that a server runs, and refuses those that it does not take. */
export class Admission {
  readonly #maxInFlight: number;
  readonly #idle: (() => void)[] = [];
  #inFlight = 0;
  #draining = false;

  /** @param maxInFlight How many calls may run at once. */
  constructor(maxInFlight: number) {
    this.#maxInFlight = maxInFlight;
  }

  /** How many calls and streams run. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether new calls are refused. */
  get draining(): boolean {
    return this.#draining;
  }

  /**
   * Counts a call that is to run.
   *
   * @throws {AgenkitError} `unavailable`, if there are too many or the server drains.
   */
  admit(): void {
    if (this.#draining) throw refused(DRAINING);
    if (this.#inFlight >= this.#maxInFlight) {
      throw refused(`The server is busy: expected at most ${this.#maxInFlight} calls at once`);
    }
    this.#inFlight++;
  }

  /** Counts a call that has ended. */
  release(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) { for (const resolve of this.#idle.splice(0)) resolve(); }
  }

  /** Refuses new calls from now on. */
  refuse(): void {
    this.#draining = true;
  }

  /** Refuses new calls from now on and resolves when those that run have ended. */
  drain(): Promise<void> {
    this.refuse();
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}

function refused(text: string): AgenkitError {
  return new AgenkitError("unavailable", text, { retryAfterMs: 1000, details: NOT_BEGUN });
}
