import type { Agent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import { CircuitOpenError } from "../core/errors.ts";
import { isAborted, reasonOf } from "../core/signals.ts";
import { Admission } from "./circuit_breaker_admission.ts";
import type {
  BreakerPolicy,
  CircuitBreakerMetrics,
  CircuitSnapshot,
  CircuitState,
} from "./circuit_breaker_options.ts";
import { type FailureTracker, failureTracker } from "./circuit_breaker_window.ts";
import { notify } from "./outcome.ts";
import { RequestCounts } from "./request_counts.ts";

/**
 * What a circuit is in. Each has a generation of its own: a call that was let
 * in by another has nothing to say any more.
 */
type Phase =
  | { readonly state: "closed"; readonly generation: number }
  | { readonly state: "open"; readonly generation: number; readonly until: number }
  | {
    readonly state: "half_open";
    readonly generation: number;
    readonly running: number;
    readonly successes: number;
    /** When probes that have not come back are given up. */
    readonly until: number;
  };

/** The state machine of one {@linkcode circuitBreaker} value. */
export class Circuit {
  readonly policy: BreakerPolicy;
  readonly #tracker: FailureTracker;
  readonly #counts = new RequestCounts();
  readonly #changes: Record<string, number> = {};
  #phase: Phase = { state: "closed", generation: 0 };
  #lastChange: number | undefined;
  #failuresAtOpening = 0;

  constructor(policy: BreakerPolicy) {
    this.policy = policy;
    this.#tracker = failureTracker(policy);
    if (policy.initialState !== undefined) this.#restore(policy.initialState);
  }

  get state(): CircuitState {
    return this.#phase.state;
  }

  get retryAfterMs(): number | undefined {
    const phase = this.#phase;
    if (phase.state !== "open" || phase.until === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(0, Math.ceil(phase.until - this.policy.clock.now()));
  }

  get metrics(): CircuitBreakerMetrics {
    return Object.freeze({
      ...this.#counts.metrics,
      rejectedRequests: this.#counts.rejected,
      failureCount: this.#failures,
      stateChanges: Object.freeze({ ...this.#changes }),
      lastStateChange: this.#lastChange,
      currentState: this.state,
    });
  }

  /**
   * Lets a call in.
   *
   * @throws {CircuitOpenError} If it may not pass.
   */
  admit(agent: Agent, call: CallOptions | undefined): Admission {
    if (isAborted(call)) {
      this.#counts.cancelled++;
      throw reasonOf(call);
    }
    if (this.#phase.state !== "closed") this.#admitProbe(agent);
    this.#counts.inFlight++;
    return new Admission(this, this.#phase.generation, call);
  }

  succeeded(generation: number): void {
    this.#counts.inFlight--;
    this.#counts.successful++;
    const phase = this.#phase;
    if (phase.generation !== generation) return;
    if (phase.state === "closed") {
      if (this.#tracker.record(false)) this.#open();
    } else if (phase.state === "half_open") {
      const successes = phase.successes + 1;
      if (successes >= this.policy.successThreshold) this.#close();
      else this.#phase = { ...phase, running: phase.running - 1, successes };
    }
  }

  failed(generation: number, counts: boolean): void {
    this.#counts.inFlight--;
    this.#counts.failed++;
    const phase = this.#phase;
    if (phase.generation !== generation) return;
    if (!counts) this.#leave(generation);
    else if (phase.state === "half_open") this.#open();
    else if (this.#tracker.record(true)) this.#open();
  }

  cancelled(generation: number): void {
    this.#counts.inFlight--;
    this.#counts.cancelled++;
    this.#leave(generation);
  }

  forceOpen(): void {
    this.#open(Number.POSITIVE_INFINITY);
  }

  reset(): void {
    this.#close();
  }

  toJSON(): CircuitSnapshot {
    const phase = this.#phase;
    return {
      state: phase.state,
      failures: this.#failures,
      retryAfterMs: phase.state === "open" ? this.retryAfterMs ?? null : 0,
      savedAt: Date.now(),
    };
  }

  get #failures(): number {
    return this.state === "closed" ? this.#tracker.failures : this.#failuresAtOpening;
  }

  #admitProbe(agent: Agent): void {
    const now = this.policy.clock.now();
    if (this.#isDue(now)) this.#halfOpen(now);
    // Read again: whoever was told of the change may have changed it further.
    const phase = this.#phase;
    if (phase.state === "closed") return;
    const { halfOpenMaxCalls, recoveryTimeoutMs } = this.policy;
    if (phase.state === "half_open" && phase.running < halfOpenMaxCalls) {
      this.#phase = { ...phase, running: phase.running + 1, until: now + recoveryTimeoutMs };
      return;
    }
    this.#counts.rejected++;
    const failures = this.#failures;
    const is = phase.state === "open" ? "open" : "half-open and probed by others";
    throw new CircuitOpenError(
      `Cannot call agent '${agent.name}' as its circuit is ${is} after ${failures} failures`,
      { retryAfterMs: this.retryAfterMs, details: { state: phase.state, failures } },
    );
  }

  #isDue(now: number): boolean {
    const phase = this.#phase;
    if (phase.state === "open") return now >= phase.until;
    // Probes that never come back must not keep the circuit half-open for ever.
    return phase.state === "half_open" && phase.running >= this.policy.halfOpenMaxCalls &&
      now >= phase.until;
  }

  /** Frees a probe's place without counting it. */
  #leave(generation: number): void {
    const phase = this.#phase;
    if (phase.state !== "half_open" || phase.generation !== generation) return;
    this.#phase = { ...phase, running: phase.running - 1 };
  }

  #open(until: number = this.policy.clock.now() + this.policy.recoveryTimeoutMs): void {
    if (this.state === "closed") this.#failuresAtOpening = this.#tracker.failures;
    this.#change({ state: "open", generation: this.#phase.generation + 1, until });
  }

  #halfOpen(now: number): void {
    const generation = this.#phase.generation + 1;
    this.#change({ state: "half_open", generation, running: 0, successes: 0, until: now });
  }

  #close(): void {
    this.#tracker.reset();
    this.#change({ state: "closed", generation: this.#phase.generation + 1 });
  }

  #change(phase: Phase): void {
    const from = this.state;
    const failures = this.#failures;
    this.#phase = phase;
    const to = phase.state;
    if (from === to) return;
    this.#lastChange = this.policy.clock.now();
    this.#changes[`${from}->${to}`] = (this.#changes[`${from}->${to}`] ?? 0) + 1;
    notify(this.policy.onStateChange, { from, to, failures });
  }

  #restore({ state, failures, retryAfterMs, savedAt }: CircuitSnapshot): void {
    if (state === "closed") return this.#tracker.reset(failures);
    this.#failuresAtOpening = failures;
    const elapsedMs = Math.max(0, Date.now() - savedAt);
    const leftMs = retryAfterMs === null
      ? Number.POSITIVE_INFINITY
      : Math.max(0, retryAfterMs - elapsedMs);
    // What was half-open had probes under way elsewhere; here it begins with new ones.
    this.#phase = { state: "open", generation: 1, until: this.policy.clock.now() + leftMs };
  }
}
