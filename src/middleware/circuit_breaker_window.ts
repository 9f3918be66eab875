import type { Clock } from "../core/clock.ts";
import type { BreakerPolicy } from "./circuit_breaker_options.ts";

/** Counts outcomes while a circuit is closed, and tells when it has to open. */
export interface FailureTracker {
  /** The failures that count now. */
  readonly failures: number;
  /** Takes an outcome in. Returns whether the circuit has to open. */
  record(failed: boolean): boolean;
  /** Forgets all outcomes, or sets out from so many failures. */
  reset(failures?: number): void;
}

/** Makes the tracker that the options ask for. */
export function failureTracker(policy: BreakerPolicy): FailureTracker {
  if (policy.failureRate === undefined) return new ConsecutiveFailures(policy.failureThreshold);
  const { threshold, minimumCalls, windowMs, windowSize } = policy.failureRate;
  const window = windowSize === undefined
    ? new TimeWindow(policy.clock, windowMs!)
    : new CallWindow(windowSize, policy.clock, windowMs);
  return new FailureRate(window, threshold, minimumCalls);
}

class ConsecutiveFailures implements FailureTracker {
  readonly #threshold: number;
  failures = 0;

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  record(failed: boolean): boolean {
    this.failures = failed ? this.failures + 1 : 0;
    return this.failures >= this.#threshold;
  }

  reset(failures = 0): void {
    // Failures of a breaker with a higher threshold leave room for one more.
    this.failures = Math.min(failures, this.#threshold - 1);
  }
}

class FailureRate implements FailureTracker {
  readonly #window: OutcomeWindow;
  readonly #threshold: number;
  readonly #minimumCalls: number;

  constructor(window: OutcomeWindow, threshold: number, minimumCalls: number) {
    this.#window = window;
    this.#threshold = threshold;
    this.#minimumCalls = minimumCalls;
  }

  get failures(): number {
    this.#window.expire();
    return this.#window.failures;
  }

  record(failed: boolean): boolean {
    const window = this.#window;
    window.record(failed);
    return window.calls >= this.#minimumCalls &&
      window.failures / window.calls >= this.#threshold;
  }

  reset(): void {
    this.#window.clear();
  }
}

/** The latest outcomes. */
export interface OutcomeWindow {
  /** How many outcomes are in it. */
  readonly calls: number;
  /** How many of them are failures. */
  readonly failures: number;
  /** Takes an outcome in, and lets go of what is too old. */
  record(failed: boolean): void;
  /** Lets go of what is too old. */
  expire(): void;
  /** Lets go of all. */
  clear(): void;
}

/** The latest outcomes by number, and if asked for also by age: a ring, O(1) an outcome. */
export class CallWindow implements OutcomeWindow {
  calls = 0;
  failures = 0;
  readonly #failed: Uint8Array;
  readonly #times: Float64Array | undefined;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  #start = 0;

  constructor(size: number, clock: Clock, maxAgeMs?: number) {
    this.#failed = new Uint8Array(size);
    this.#times = maxAgeMs === undefined ? undefined : new Float64Array(size);
    this.#clock = clock;
    this.#maxAgeMs = maxAgeMs ?? Number.POSITIVE_INFINITY;
  }

  record(failed: boolean): void {
    this.expire();
    const size = this.#failed.length;
    if (this.calls === size) this.#drop();
    const index = (this.#start + this.calls++) % size;
    this.#failed[index] = failed ? 1 : 0;
    if (failed) this.failures++;
    if (this.#times !== undefined) this.#times[index] = this.#clock.now();
  }

  expire(): void {
    if (this.#times === undefined || this.calls === 0) return;
    const oldest = this.#clock.now() - this.#maxAgeMs;
    while (this.calls > 0 && this.#times[this.#start]! <= oldest) this.#drop();
  }

  clear(): void {
    this.#start = this.calls = this.failures = 0;
  }

  #drop(): void {
    this.failures -= this.#failed[this.#start]!;
    this.#start = (this.#start + 1) % this.#failed.length;
    this.calls--;
  }
}

/** How many slices a time window is cut into: it slides by a tenth of its length. */
const SLICES = 10;

/**
 * The outcomes of the latest stretch of time, in bounded memory however many
 * there are: counts by slices of time, the oldest of which is dropped as a
 * whole, as in Hystrix's rolling window.
 */
export class TimeWindow implements OutcomeWindow {
  calls = 0;
  failures = 0;
  readonly #clock: Clock;
  readonly #sliceMs: number;
  readonly #calls = new Float64Array(SLICES);
  readonly #failures = new Float64Array(SLICES);
  /** The number of the latest slice since time zero. */
  #latest = 0;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#sliceMs = windowMs / SLICES;
    this.#latest = this.#slice();
  }

  record(failed: boolean): void {
    this.expire();
    const index = this.#latest % SLICES;
    this.#calls[index]!++;
    this.calls++;
    if (!failed) return;
    this.#failures[index]!++;
    this.failures++;
  }

  expire(): void {
    const slice = this.#slice();
    if (slice - this.#latest >= SLICES) this.clear();
    while (this.#latest < slice) {
      const index = ++this.#latest % SLICES;
      this.calls -= this.#calls[index]!;
      this.failures -= this.#failures[index]!;
      this.#calls[index] = this.#failures[index] = 0;
    }
  }

  clear(): void {
    this.calls = this.failures = 0;
    this.#calls.fill(0);
    this.#failures.fill(0);
    this.#latest = this.#slice();
  }

  #slice(): number {
    return Math.floor(this.#clock.now() / this.#sliceMs);
  }
}
