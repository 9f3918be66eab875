import type { Agent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Timer } from "../core/clock.ts";
import {
  type AbortWatcher,
  isAborted,
  LinkedSignal,
  reasonOf,
  unwatchAbort,
  watchAbort,
} from "../core/signals.ts";
import type { HedgeDelay } from "./hedge_delay.ts";
import type { HedgePolicy } from "./hedge_options.ts";
import { notify } from "./outcome.ts";

/** What a {@linkcode HedgeRace} counts. */
export interface HedgeCounts {
  hedges: number;
  hedgeWins: number;
  hedgesDenied: number;
}

/** One attempt, and the signal that is its own. */
export interface Attempt {
  readonly link: LinkedSignal;
  /** Tells the attempt that nobody wants its result any more. */
  discard?: () => void;
}

/** How one attempt goes: gets its call options, and where to leave its `discard`. */
export type Launch<T> = (options: CallOptions, attempt: Attempt) => PromiseLike<T>;

/** The attempts of one call against each other. */
export class HedgeRace<T> implements AbortWatcher {
  /** Settles with the first success; or with the first attempt's error, once all have failed. */
  readonly promise: Promise<T>;
  /** Those that have neither answered nor failed, by their number from 0. */
  readonly #running = new Map<number, Attempt>();
  readonly #agent: Agent;
  readonly #call: CallOptions | undefined;
  readonly #launch: Launch<T>;
  readonly #policy: HedgePolicy;
  readonly #delay: HedgeDelay;
  readonly #counts: HedgeCounts;
  readonly #start: number;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #timer: Timer | undefined;
  #started = 0;
  #over = false;
  #error: { readonly attempt: number; readonly error: unknown } | undefined;

  constructor(
    agent: Agent,
    call: CallOptions | undefined,
    launch: Launch<T>,
    policy: HedgePolicy,
    delay: HedgeDelay,
    counts: HedgeCounts,
  ) {
    this.#agent = agent;
    this.#call = call;
    this.#launch = launch;
    this.#policy = policy;
    this.#delay = delay;
    this.#counts = counts;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#start = policy.clock.now();
    if (isAborted(call)) this.handleEvent();
    else {
      watchAbort(call, this);
      this.#attempt();
    }
  }

  /** Runs when the caller has given up; the attempts learn of it by their signals. */
  handleEvent(): void {
    if (this.#settle()) this.#reject(reasonOf(this.#call));
  }

  #attempt(): void {
    const index = this.#started++;
    const attempt: Attempt = { link: new LinkedSignal(this.#call) };
    this.#running.set(index, attempt);
    try {
      this.#launch(attempt.link.eagerOptions(this.#call), attempt).then(
        (value) => this.#answered(index, value),
        (error) => this.#failed(index, error),
      );
    } catch (error) {
      return this.#failed(index, error);
    }
    if (this.#over || this.#started >= this.#policy.maxAttempts) return;
    const delayMs = this.#delay.ms;
    const at = this.#policy.clock.now() + delayMs;
    // There would be no time left for the answer.
    if (this.#call?.deadline !== undefined && at >= this.#call.deadline) return;
    this.#timer = this.#policy.clock.schedule(at, () => this.#hedge(delayMs));
  }

  #hedge(delayMs: number): void {
    if (!this.#policy.budget.withdraw()) {
      this.#counts.hedgesDenied++;
      return;
    }
    this.#counts.hedges++;
    notify(this.#policy.onHedge, { agent: this.#agent.name, attempt: this.#started + 1, delayMs });
    if (!this.#over) this.#attempt();
  }

  #answered(index: number, value: T): void {
    this.#running.delete(index);
    if (!this.#settle(true)) return;
    if (index > 0) this.#counts.hedgeWins++;
    this.#delay.record(this.#policy.clock.now() - this.#start);
    this.#resolve(value);
  }

  #failed(index: number, error: unknown): void {
    this.#running.get(index)!.link.release();
    this.#running.delete(index);
    // The first attempt's error is what the caller would have got without hedging.
    if (this.#error === undefined || index < this.#error.attempt) {
      this.#error = { attempt: index, error };
    }
    if (this.#running.size === 0 && this.#settle()) this.#reject(this.#error.error);
  }

  /** Ends the race, and the attempts that still run: as lost, or as the caller has given up. */
  #settle(answered = false): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#timer?.cancel();
    unwatchAbort(this.#call, this);
    for (const { link, discard } of this.#running.values()) {
      // The attempts' own signals may be told of the caller's abort after this one.
      if (answered) link.abort(lost());
      else link.handleEvent();
      discard?.();
      link.release();
    }
    return true;
  }
}

function lost(): DOMException {
  return new DOMException("Another attempt has answered first", "AbortError");
}
