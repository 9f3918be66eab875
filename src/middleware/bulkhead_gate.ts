import type { Agent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Timer } from "../core/clock.ts";
import { codeOf, TimeoutError } from "../core/errors.ts";
import {
  type AbortWatcher,
  isAborted,
  reasonOf,
  unwatchAbort,
  watchAbort,
} from "../core/signals.ts";
import type { AdaptiveLimit } from "./adaptive_limit.ts";
import { BulkheadFullError } from "./bulkhead_error.ts";
import type { BulkheadMetrics, BulkheadPolicy } from "./bulkhead_options.ts";
import { isCancelled, isTimeout } from "./outcome.ts";
import { RequestCounts } from "./request_counts.ts";

/** The places of one {@linkcode bulkhead} value, and the queue for them. */
export class Gate {
  readonly #policy: BulkheadPolicy;
  readonly #limit: BulkheadPolicy["limit"];
  readonly #adaptive: AdaptiveLimit | undefined;
  /** In order of arrival; a set, so that one that gives up leaves at no cost. */
  readonly #queue = new Set<Waiter>();
  readonly #counts = new RequestCounts();
  #running = 0;

  constructor(policy: BulkheadPolicy) {
    this.#policy = policy;
    this.#limit = policy.limit;
    this.#adaptive = policy.adaptive;
  }

  get metrics(): BulkheadMetrics {
    return Object.freeze({
      ...this.#counts.metrics,
      rejectedRequests: this.#counts.rejected,
      runningRequests: this.#running,
      queuedRequests: this.#queue.size,
      currentLimit: this.#limit.limit,
    });
  }

  /**
   * Takes a place: `undefined` if one was free, else a promise for it, so that
   * the usual call costs no promise.
   *
   * @throws {BulkheadFullError} If the queue is full as well.
   */
  enter(agent: Agent, call: CallOptions | undefined): Promise<void> | undefined {
    if (isAborted(call)) {
      this.#counts.cancelled++;
      throw reasonOf(call);
    }
    const { limit } = this.#limit;
    if (this.#running < limit && this.#queue.size === 0) {
      this.#counts.inFlight++;
      this.#running++;
      return undefined;
    }
    const { maxQueue } = this.#policy;
    if (this.#queue.size >= maxQueue) {
      this.#counts.rejected++;
      throw new BulkheadFullError(
        `Cannot call agent '${agent.name}': no place is free (limit ${limit}) ` +
          `and the queue is full (limit ${maxQueue})`,
        { details: { limit, queued: this.#queue.size } },
      );
    }
    this.#counts.inFlight++;
    return this.#wait(agent, call);
  }

  /** Gives the place on if it has come just before the caller gave up. */
  resume(call: CallOptions | undefined): void {
    if (!isAborted(call)) return;
    this.abandoned();
    throw reasonOf(call);
  }

  /** When a call starts, as far as anybody wants to know. */
  start(): number {
    return this.#adaptive === undefined ? 0 : this.#policy.clock.now();
  }

  succeeded(start: number): void {
    this.#counts.successful++;
    this.#sample(start, false);
    this.#leave();
  }

  failed(error: unknown, call: CallOptions | undefined, start: number): void {
    this.#counts.fail(error, call);
    // Other failures are quick and say nothing of how busy the agent is.
    if (isOverload(error) && !isCancelled(error, call)) this.#sample(start, true);
    this.#leave();
  }

  /** Ends a call that its caller has given up. */
  abandoned(): void {
    this.#counts.cancelled++;
    this.#leave();
  }

  #sample(start: number, dropped: boolean): void {
    if (this.#adaptive === undefined) return;
    const latencyMs = this.#policy.clock.now() - start;
    this.#adaptive.record({ latencyMs, inFlight: this.#running, dropped });
  }

  #leave(): void {
    this.#counts.inFlight--;
    this.#running--;
    // An iterator for nobody would cost more than all the rest.
    if (this.#queue.size === 0) return;
    for (const waiter of this.#queue) {
      if (this.#running >= this.#limit.limit) return;
      this.#running++;
      waiter.admit();
    }
  }

  #wait(agent: Agent, call: CallOptions | undefined): Promise<void> {
    const { clock, maxWaitMs } = this.#policy;
    const waiter = new Waiter(this.#queue, call, (cancelled) => {
      this.#counts.inFlight--;
      if (cancelled) this.#counts.cancelled++;
      else this.#counts.rejected++;
    });
    const byDeadline = call?.deadline !== undefined && call.deadline < clock.now() + maxWaitMs;
    const at = byDeadline ? call.deadline! : clock.now() + maxWaitMs;
    if (at !== Number.POSITIVE_INFINITY) {
      waiter.timer = clock.schedule(at, () =>
        waiter.giveUp(
          byDeadline
            ? new TimeoutError(
              `Cannot call agent '${agent.name}': no place before the call's deadline`,
            )
            : new BulkheadFullError(
              `Cannot call agent '${agent.name}': no place in ${maxWaitMs} ms`,
            ),
        ));
    }
    return waiter.promise;
  }
}

class Waiter implements AbortWatcher {
  readonly promise: Promise<void>;
  timer: Timer | undefined;
  readonly #queue: Set<Waiter>;
  readonly #call: CallOptions | undefined;
  readonly #gaveUp: (cancelled: boolean) => void;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(
    queue: Set<Waiter>,
    call: CallOptions | undefined,
    gaveUp: (cancelled: boolean) => void,
  ) {
    this.#queue = queue;
    this.#call = call;
    this.#gaveUp = gaveUp;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    queue.add(this);
    watchAbort(call, this);
  }

  admit(): void {
    if (this.#leave()) this.#resolve();
  }

  giveUp(error: unknown, cancelled = false): void {
    if (!this.#leave()) return;
    this.#gaveUp(cancelled);
    this.#reject(error);
  }

  handleEvent(): void {
    this.giveUp(reasonOf(this.#call), true);
  }

  #leave(): boolean {
    if (!this.#queue.delete(this)) return false;
    this.timer?.cancel();
    unwatchAbort(this.#call, this);
    return true;
  }
}

function isOverload(error: unknown): boolean {
  const code = codeOf(error);
  return code === "resource_exhausted" || code === "unavailable" || isTimeout(error);
}
