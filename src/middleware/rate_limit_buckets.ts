import type { Clock } from "../core/clock.ts";
import { TokenBucket } from "./rate_limit_bucket.ts";

/** How many old buckets are looked at when a new one is made. */
const LOOKED_AT = 2;

/**
 * One token bucket a key, and no more of them than allowed. A bucket that is
 * full again says nothing and is dropped: two old ones are looked at whenever a
 * new one is made, so no timer has to clean up.
 */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #rate: number;
  readonly #burst: number;
  readonly #maxKeys: number;
  /** Those looked at go to the end, so that each has its turn. */
  readonly #buckets = new Map<string, TokenBucket>();
  /** Before this time no bucket can be full, so it is no use to look. */
  #noneFullBefore = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, rate: number, burst: number, maxKeys: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#burst = burst;
    this.#maxKeys = maxKeys;
  }

  /** How many keys have a bucket. */
  get size(): number {
    return this.#buckets.size;
  }

  /** The bucket of a key, or until when there is no room for a new one. */
  get(key: string, now: number): TokenBucket | number {
    const found = this.#buckets.get(key);
    if (found !== undefined) return found;
    this.#dropFull(now, LOOKED_AT);
    if (this.#buckets.size >= this.#maxKeys) {
      if (now >= this.#noneFullBefore) this.#dropFull(now, this.#buckets.size);
      if (this.#buckets.size >= this.#maxKeys) return this.#noneFullBefore;
    }
    const made = new TokenBucket(this.#clock, this.#rate, this.#burst);
    this.#buckets.set(key, made);
    return made;
  }

  #dropFull(now: number, count: number): void {
    const all = count === this.#buckets.size;
    let nextFull = Number.POSITIVE_INFINITY;
    for (const [key, bucket] of this.#buckets) {
      if (count-- === 0) break;
      this.#buckets.delete(key);
      if (bucket.waiting === 0 && bucket.fullAt <= now) continue;
      this.#buckets.set(key, bucket);
      nextFull = Math.min(nextFull, bucket.fullAt);
    }
    if (all) this.#noneFullBefore = nextFull;
  }
}
