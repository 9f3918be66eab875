import type { CallOptions } from "../core/call.ts";
import { isAborted, reasonOf } from "../core/signals.ts";
import { notify } from "./outcome.ts";
import { type Attempts, recordAttempts } from "./retry_attempts.ts";
import type { RetryPolicy } from "./retry_options.ts";

/** What a {@linkcode RetryRun} reports to. */
export interface RetryCounts {
  retries: number;
  retriesDenied: number;
}

/** The failed attempts of one call. Made when the first attempt has failed. */
export class RetryRun {
  readonly #policy: RetryPolicy;
  readonly #counts: RetryCounts;
  readonly #agent: string;
  readonly #call: CallOptions | undefined;
  readonly #errors: unknown[] = [];
  #previousMs = 0;
  #waitedMs = 0;

  constructor(
    policy: RetryPolicy,
    counts: RetryCounts,
    agent: string,
    call: CallOptions | undefined,
  ) {
    this.#policy = policy;
    this.#counts = counts;
    this.#agent = agent;
    this.#call = call;
  }

  /** Waits until the next attempt is due, or throws if there shall be none. */
  async failed(error: unknown): Promise<void> {
    const { clock, maxAttempts, retryIf, budget, onRetry } = this.#policy;
    const call = this.#call;
    if (isAborted(call)) throw reasonOf(call);
    const attempt = this.#errors.push(error);
    if (attempt >= maxAttempts) this.#stop(error, "maxAttempts");
    if (!retryIf(error, attempt)) this.#stop(error, "retryIf");
    const delayMs = this.#delay(error, attempt);
    const now = clock.now();
    if (call?.deadline !== undefined && now + delayMs >= call.deadline) {
      this.#stop(error, "deadline");
    }
    if (budget !== undefined && !budget.withdraw()) {
      this.#counts.retriesDenied++;
      this.#stop(error, "budget");
    }
    notify(onRetry, { agent: this.#agent, attempt, error, delayMs });
    if (delayMs > 0) await clock.sleep(delayMs, call?.signal);
    if (isAborted(call)) throw reasonOf(call);
    this.#waitedMs += delayMs;
    // The clock may have run on further than was asked for, as on a machine that slept.
    if (call?.deadline !== undefined && clock.now() >= call.deadline) this.#stop(error, "deadline");
    this.#counts.retries++;
  }

  /** Gives up a stream that has begun: its chunks cannot be taken back. */
  broken(error: unknown): never {
    if (isAborted(this.#call)) throw reasonOf(this.#call);
    this.#errors.push(error);
    this.#stop(error, "stream");
  }

  /** Gives up: throws the error as it is. */
  #stop(error: unknown, stoppedBy: Attempts["stoppedBy"]): never {
    recordAttempts(error, {
      attempts: this.#errors.length,
      errors: Object.freeze(this.#errors),
      waitedMs: this.#waitedMs,
      stoppedBy,
    });
    throw error;
  }

  #delay(error: unknown, attempt: number): number {
    const { backoff, random, maxRetryAfterMs } = this.#policy;
    const delayMs = backoff({ attempt, previousMs: this.#previousMs, random });
    if (!(delayMs >= 0 && delayMs < Number.POSITIVE_INFINITY)) {
      throw new RangeError(
        `Cannot retry as 'backoff' must return a non-negative number: it returned ${delayMs}`,
        { cause: error },
      );
    }
    this.#previousMs = delayMs;
    return Math.max(delayMs, Math.min(retryAfterOf(error), maxRetryAfterMs));
  }
}

/** The wait that an error asks for, in milliseconds; 0 for none. */
function retryAfterOf(error: unknown): number {
  if (typeof error !== "object" || error === null || !("retryAfterMs" in error)) return 0;
  const { retryAfterMs } = error;
  return typeof retryAfterMs === "number" && retryAfterMs > 0 ? retryAfterMs : 0;
}
