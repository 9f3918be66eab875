import type { Message } from "../core/message.ts";

/** What a cache keeps of a call. */
export interface CacheEntry {
  /** What was asked. */
  readonly request: Message;
  /** For whom, where tenants are told apart. */
  readonly tenant: string | undefined;
  /** What was answered: one message, or all chunks of a stream. */
  readonly messages: readonly Message[];
  /**
   * When, in milliseconds on the cache's clock. Caches that share a store need
   * clocks that agree, such as one that tells the time of day.
   */
  readonly storedAt: number;
}

/**
 * Where a cache keeps answers. A method may answer at once or with a promise;
 * one that rejects counts as a miss and never fails a call.
 */
export interface CacheStore {
  /** How many answers are kept, where that is known. */
  readonly size?: number;
  /** How many answers have made room for others, where that is known. */
  readonly evictions?: number;
  /** What is kept under a key. */
  get(key: string): CacheEntry | undefined | Promise<CacheEntry | undefined>;
  /**
   * Keeps an answer in place of what the key had.
   *
   * @param keepMs After how many milliseconds it is of no use any more.
   */
  set(key: string, entry: CacheEntry, keepMs: number): void | Promise<void>;
  /** Forgets a key; tells whether there was something. */
  delete(key: string): boolean | Promise<boolean>;
  /** Forgets everything; tells how much that was. */
  clear(): number | Promise<number>;
  /** All that is kept, for `invalidate` with a test. */
  entries(): Iterable<readonly [string, CacheEntry]> | AsyncIterable<readonly [string, CacheEntry]>;
}
