import type { Middleware } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Message } from "../core/message.ts";
import type { CacheStore } from "./cache_store.ts";

/** Options of `cache`. */
export interface CacheOptions {
  /** The most answers kept in memory; the one not used for longest goes first. @default {1000} */
  readonly maxEntries?: number | undefined;
  /**
   * The most memory kept answers may take, as estimated from the length of
   * their texts. A larger answer is not kept at all. @default {67108864}
   */
  readonly maxBytes?: number | undefined;
  /** How long an answer is fresh, in milliseconds. @default {300000} */
  readonly ttlMs?: number | undefined;
  /**
   * How long after that an answer may still be given, while a new one is
   * fetched in the background. @default {0}
   */
  readonly staleWhileRevalidateMs?: number | undefined;
  /** How long after `ttlMs` an answer may stand in for an agent that fails. @default {0} */
  readonly staleIfErrorMs?: number | undefined;
  /**
   * What makes two messages the same. `undefined` means that the call is not
   * to be cached. Default: role, content and metadata in canonical form, but
   * for metadata that differs with every call (`trace_context`,
   * `request_id`...) and the timestamp.
   */
  readonly key?: ((message: Message, call: CallOptions) => string | undefined) | undefined;
  /** Who must not see the answers of others, such as the user. Default: nobody is told apart. */
  readonly tenant?: ((message: Message, call: CallOptions) => string | undefined) | undefined;
  /** Whether an answer may be kept; asked of every chunk of a stream. Default: always. */
  readonly shouldCache?: ((answer: Message, request: Message) => boolean) | undefined;
  /** Where answers are kept; it brings its own limits. Default: a `MemoryCacheStore`. */
  readonly store?: CacheStore | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * What a `cache` value has counted. Always: `totalRequests = cacheHits +
 * cacheMisses`.
 */
export interface CacheMetrics {
  /** Calls that were looked up, or could not be. */
  readonly totalRequests: number;
  /** Calls that were answered from the cache. */
  readonly cacheHits: number;
  /** Calls that were not. */
  readonly cacheMisses: number;
  /** `cacheHits` of `totalRequests`, from 0 to 1; `undefined` before the first call. */
  readonly hitRate: number | undefined;
  /** `cacheMisses` of `totalRequests`, from 0 to 1; `undefined` before the first call. */
  readonly missRate: number | undefined;
  /** Hits on answers that were being renewed. */
  readonly staleHits: number;
  /** Misses that an old answer stood in for, as the agent failed. */
  readonly staleOnError: number;
  /** Misses that shared the call of another. */
  readonly sharedRequests: number;
  /** Misses that had no key, and so went to the agent and were not kept. */
  readonly bypassedRequests: number;
  /** Answers that made room for others. */
  readonly evictions: number;
  /** Answers found too old to be of any use. */
  readonly expirations: number;
  /** Answers removed by `invalidate`. */
  readonly invalidations: number;
  /** Failures of the store, each of which was treated as a miss. */
  readonly storeErrors: number;
  /** Answers that are kept; `undefined` if the store does not say. */
  readonly currentSize: number | undefined;
  /** Calls of the agent that run now, background ones included. */
  readonly inFlightRequests: number;
}

/** What {@linkcode ResponseCache.invalidate} takes: a request, or a test of requests. */
export type CacheTarget = Message | ((request: Message, tenant: string | undefined) => boolean);

/** What `cache` returns: a middleware that shows what it has counted and can forget. */
export interface ResponseCache extends Middleware {
  /** What was counted so far, as a plain frozen object. */
  readonly metrics: CacheMetrics;
  /**
   * Forgets answers: to one request, to all that a test picks, or all. What
   * the agent is working out right now for such a request is not kept either.
   *
   * @param target A request as it was sent, or a test. Default: everything.
   * @param call The options the request was sent with, if `tenant` or `key` reads them.
   * @returns How many answers were removed.
   */
  invalidate(target?: CacheTarget, call?: CallOptions): Promise<number>;
}
