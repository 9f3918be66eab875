import type { Middleware } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Message } from "../core/message.ts";

/** Options of `rateLimit`. */
export interface RateLimitOptions {
  /** Tokens that come back a second; fractions are allowed. @default {10} */
  readonly rate?: number | undefined;
  /** The most tokens there can be: how many calls may come at once. @default {10} */
  readonly burst?: number | undefined;
  /**
   * How many tokens a call takes, such as the tokens of its text. A function
   * may answer with fractions, and with 0 for calls that are free.
   *
   * @default {1}
   */
  readonly tokensPerCall?: number | ((message: Message) => number) | undefined;
  /** Whose bucket a call takes from, such as the user. Default: one bucket for all. */
  readonly key?: ((message: Message, call: CallOptions) => string) | undefined;
  /** The most buckets there can be, when there is a `key`. @default {10000} */
  readonly maxKeys?: number | undefined;
  /** Whether a call waits for its turn or is refused. @default {"wait"} */
  readonly mode?: "wait" | "reject" | undefined;
  /** The longest wait; a call that would have to wait longer is refused at once. @default {Infinity} */
  readonly maxWaitMs?: number | undefined;
  /** The most calls that wait, of all keys together; more are refused. @default {1000} */
  readonly maxQueue?: number | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * What a `rateLimit` value has counted. Always: `totalRequests =
 * allowedRequests + rejectedRequests + cancelledRequests + waitingRequests`.
 */
export interface RateLimitMetrics {
  /** Calls that asked for tokens. */
  readonly totalRequests: number;
  /** Calls that got them, at once or after a wait. */
  readonly allowedRequests: number;
  /** Calls that were refused. */
  readonly rejectedRequests: number;
  /** Calls whose signal aborted before their turn. */
  readonly cancelledRequests: number;
  /** Calls that wait now. */
  readonly waitingRequests: number;
  /** How long the calls that were let through had waited, all together. */
  readonly totalWaitMs: number;
  /** Tokens that are there now; `undefined` with a `key`, as there are many buckets then. */
  readonly currentTokens: number | undefined;
  /** Buckets that are kept now: 1 without a `key`. */
  readonly buckets: number;
}

/** What `rateLimit` returns: a middleware that shows what it has counted. */
export interface RateLimit extends Middleware {
  /** What was counted so far, as a plain frozen object. */
  readonly metrics: RateLimitMetrics;
}
