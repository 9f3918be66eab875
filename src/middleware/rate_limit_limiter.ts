import { type CallOptions, NO_OPTIONS } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { AgenkitError, RateLimitError } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import {
  checkClock,
  checkFunction,
  checkNumber,
  checkOptions,
  checkWord,
} from "../core/options.ts";
import {
  type AbortWatcher,
  isAborted,
  reasonOf,
  unwatchAbort,
  watchAbort,
} from "../core/signals.ts";
import { TokenBucket } from "./rate_limit_bucket.ts";
import { TokenBuckets } from "./rate_limit_buckets.ts";
import type { RateLimitMetrics, RateLimitOptions } from "./rate_limit_options.ts";

const ACTION = "limit the rate";

/** Hands out the tokens of one {@linkcode rateLimit} value. */
export class Limiter {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #cost: number | ((message: Message) => number);
  readonly #key: RateLimitOptions["key"];
  readonly #single: TokenBucket;
  readonly #buckets: TokenBuckets;
  readonly #maxWaitMs: number;
  readonly #maxQueue: number;
  #total = 0;
  #allowed = 0;
  #rejected = 0;
  #cancelled = 0;
  #waiting = 0;
  #waitedMs = 0;

  constructor(options: RateLimitOptions) {
    checkOptions(ACTION, options);
    const { rate = 10, burst = 10, tokensPerCall = 1, key, maxKeys = 10_000, mode = "wait" } =
      options;
    const { maxWaitMs = Number.POSITIVE_INFINITY, maxQueue = 1000 } = options;
    checkNumber(ACTION, "rate", rate, { min: 1e-6 });
    checkNumber(ACTION, "burst", burst, { min: 1, integer: true });
    if (typeof tokensPerCall !== "function") {
      checkNumber(ACTION, "tokensPerCall", tokensPerCall, { min: 1, max: burst, integer: true });
    }
    checkFunction(ACTION, "key", key);
    checkNumber(ACTION, "maxKeys", maxKeys, { min: 1, integer: true });
    checkNumber(ACTION, "maxWaitMs", maxWaitMs, { min: 0, infinite: true });
    checkNumber(ACTION, "maxQueue", maxQueue, { min: 0, integer: true });
    checkWord(ACTION, "mode", mode, ["wait", "reject"]);
    const clock = checkClock(ACTION, options.clock);
    this.#clock = clock;
    this.#burst = burst;
    this.#cost = tokensPerCall;
    this.#key = key;
    this.#single = new TokenBucket(clock, rate, burst);
    this.#buckets = new TokenBuckets(clock, rate, burst, maxKeys);
    this.#maxWaitMs = mode === "reject" ? 0 : maxWaitMs;
    this.#maxQueue = mode === "reject" ? 0 : maxQueue;
  }

  get metrics(): RateLimitMetrics {
    const keyed = this.#key !== undefined;
    return Object.freeze({
      totalRequests: this.#total,
      allowedRequests: this.#allowed,
      rejectedRequests: this.#rejected,
      cancelledRequests: this.#cancelled,
      waitingRequests: this.#waiting,
      totalWaitMs: this.#waitedMs,
      currentTokens: keyed ? undefined : this.#single.tokens(this.#clock.now()),
      buckets: keyed ? this.#buckets.size : 1,
    });
  }

  /**
   * Takes a call's tokens: `undefined` if they were there, else a promise for
   * its turn, so that the usual call costs no promise.
   *
   * @throws {RateLimitError} If the call is refused.
   * @throws {AgenkitError} `invalid_argument` if it needs more tokens than there can ever be.
   */
  take(message: Message, call: CallOptions | undefined): Promise<void> | undefined {
    const cost = typeof this.#cost === "number" ? this.#cost : this.#costOf(message, this.#cost);
    const key = this.#key === undefined ? undefined : this.#keyOf(message, call);
    this.#total++;
    if (isAborted(call)) {
      this.#cancelled++;
      throw reasonOf(call);
    }
    const now = this.#clock.now();
    const bucket = key === undefined ? this.#single : this.#buckets.get(key, now);
    if (typeof bucket === "number") {
      throw this.#refusal("all 'maxKeys' buckets are in use", cost, 0, bucket - now);
    }
    if (cost === 0 || bucket.take(cost, now)) {
      this.#allowed++;
      return undefined;
    }
    const waitMs = bucket.waitMs(cost, now);
    if (waitMs > this.#maxWaitMs || this.#waiting >= this.#maxQueue) {
      const why = this.#maxQueue === 0
        ? "no call may wait"
        : waitMs > this.#maxWaitMs
        ? `the wait may take at most ${this.#maxWaitMs} ms`
        : `${this.#maxQueue} calls wait already`;
      throw this.#refusal(why, cost, bucket.tokens(now), waitMs);
    }
    if (call?.deadline !== undefined && now + waitMs > call.deadline) {
      throw this.#refusal("the call's deadline is earlier", cost, bucket.tokens(now), waitMs);
    }
    return this.#wait(bucket, cost, now, call);
  }

  #wait(
    bucket: TokenBucket,
    cost: number,
    now: number,
    call: CallOptions | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting++;
      const leave = bucket.wait({
        cost,
        admit: (waitedMs) => {
          unwatchAbort(call, watcher);
          this.#waiting--;
          this.#allowed++;
          this.#waitedMs += waitedMs;
          resolve();
        },
      }, now);
      const watcher: AbortWatcher = {
        handleEvent: () => {
          unwatchAbort(call, watcher);
          leave();
          this.#waiting--;
          this.#cancelled++;
          reject(reasonOf(call));
        },
      };
      watchAbort(call, watcher);
    });
  }

  #refusal(why: string, tokensNeeded: number, tokensAvailable: number, waitMs: number): Error {
    this.#rejected++;
    const retryAfterMs = Math.ceil(waitMs);
    return new RateLimitError(
      `Rate limit exceeded: the call would have to wait ${retryAfterMs} ms, and ${why}`,
      { retryAfterMs, details: { tokensNeeded, tokensAvailable } },
    );
  }

  #costOf(message: Message, tokensOf: (message: Message) => number): number {
    const cost = checkNumber(ACTION, "tokensPerCall()", tokensOf(message), { min: 0 });
    if (cost <= this.#burst) return cost;
    throw new AgenkitError(
      "invalid_argument",
      `Cannot ${ACTION} as 'tokensPerCall()' must be at most 'burst' (${this.#burst}): ` +
        `current value is ${cost}`,
    );
  }

  #keyOf(message: Message, call: CallOptions = NO_OPTIONS): string {
    const key: unknown = this.#key!(message, call);
    if (typeof key === "string") return key;
    throw new TypeError(
      `Cannot ${ACTION} as 'key()' must be a string: current value is ${describe(key)}`,
    );
  }
}
