import type { Clock, Timer } from "../core/clock.ts";

/**
 * Times are sums of fractions: without some slack, the last bits of a double
 * would turn away a call that is due. A millionth of a millisecond is far below
 * what any clock tells apart.
 */
const SLACK_MS = 1e-6;

/** A call that waits in a {@linkcode TokenBucket}. */
export interface Waiter {
  /** How many tokens it takes. */
  readonly cost: number;
  /** Runs when it is admitted, with the milliseconds it has waited. */
  readonly admit: (waitedMs: number) => void;
}

interface Place extends Waiter {
  readonly since: number;
}

/**
 * A token bucket kept as one number: the time at which it will be full again
 * (the "theoretical arrival time" of the generic cell rate algorithm, ITU-T
 * I.371). Calls that have to wait stand in line, and one timer serves the first
 * of them; who stands behind is due when those before have had their tokens, so
 * a place is a reservation that nobody can overtake.
 */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #msPerToken: number;
  readonly #depthMs: number;
  /** In order of arrival; a Set, since leaving from the middle has to be cheap. */
  readonly #line = new Set<Place>();
  #lineTokens = 0;
  #fullAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  /**
   * @param rate Tokens a second.
   * @param burst The most tokens it holds; it starts full.
   */
  constructor(clock: Clock, rate: number, burst: number) {
    this.#clock = clock;
    this.#msPerToken = 1000 / rate;
    this.#depthMs = burst * this.#msPerToken;
  }

  /** When the bucket will be full again, if nobody takes more; calls that wait do. */
  get fullAt(): number {
    return this.#fullAt;
  }

  /** How many calls wait. */
  get waiting(): number {
    return this.#line.size;
  }

  /** How many tokens are there. */
  tokens(now: number): number {
    const missingMs = Math.max(0, this.#fullAt - now);
    const tokens = (this.#depthMs - missingMs) / this.#msPerToken;
    // Without the noise of the last bits, which would only puzzle who reads it.
    return Math.max(0, Math.round(tokens * 1e6) / 1e6);
  }

  /** Takes tokens if they are there and nobody waits for them. */
  take(cost: number, now: number): boolean {
    if (this.#line.size > 0) return false;
    const fullAt = (now > this.#fullAt ? now : this.#fullAt) + cost * this.#msPerToken;
    if (fullAt - this.#depthMs > now + SLACK_MS) return false;
    this.#fullAt = fullAt;
    return true;
  }

  /** How long a call would have to wait behind all others, in milliseconds. */
  waitMs(cost: number, now: number): number {
    const from = now > this.#fullAt ? now : this.#fullAt;
    return Math.max(0, from + (this.#lineTokens + cost) * this.#msPerToken - this.#depthMs - now);
  }

  /**
   * Puts a call at the end of the line.
   *
   * @returns Gives its place back; those behind it move up.
   */
  wait(waiter: Waiter, now: number): () => void {
    const place: Place = { cost: waiter.cost, admit: waiter.admit, since: now };
    this.#line.add(place);
    this.#lineTokens += place.cost;
    if (this.#line.size === 1) this.#arm();
    return () => {
      const wasFirst = this.#first() === place;
      if (this.#remove(place) && wasFirst) this.#arm();
    };
  }

  #first(): Place | undefined {
    return this.#line.values().next().value;
  }

  #remove(place: Place): boolean {
    if (!this.#line.delete(place)) return false;
    // Fractions add up to noise: an empty line has no tokens at all.
    this.#lineTokens = this.#line.size === 0 ? 0 : this.#lineTokens - place.cost;
    return true;
  }

  /** When the first in line is due. The bucket is never full while somebody waits. */
  #dueAt(place: Place): number {
    return this.#fullAt + place.cost * this.#msPerToken - this.#depthMs;
  }

  #arm(): void {
    this.#timer?.cancel();
    const first = this.#first();
    this.#timer = first === undefined
      ? undefined
      : this.#clock.schedule(this.#dueAt(first), () => this.#serve());
  }

  #serve(): void {
    // A coarse clock may still be short of the time that its own timer has rung for.
    const now = Math.max(this.#clock.now(), this.#dueAt(this.#first()!));
    const admitted: Place[] = [];
    for (const place of this.#line) {
      if (this.#dueAt(place) > now + SLACK_MS) break;
      this.#remove(place);
      // The timer may be late: what the bucket could not hold meanwhile is lost.
      this.#fullAt = Math.max(now, this.#fullAt) + place.cost * this.#msPerToken;
      admitted.push(place);
    }
    this.#timer = undefined;
    this.#arm();
    for (const place of admitted) place.admit(now - place.since);
  }
}
