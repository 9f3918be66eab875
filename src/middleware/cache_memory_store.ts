import { checkNumber, checkOptions } from "../core/options.ts";
import { entryBytes } from "./cache_size.ts";
import type { CacheEntry, CacheStore } from "./cache_store.ts";

/** Options of {@linkcode MemoryCacheStore}. */
export interface MemoryCacheStoreOptions {
  /** The most answers kept. @default {1000} */
  readonly maxEntries?: number | undefined;
  /** The most bytes they may take, by estimate. @default {67108864} */
  readonly maxBytes?: number | undefined;
}

/** The default of `maxBytes`: 64 MiB. */
export const DEFAULT_MAX_BYTES = 67_108_864;

interface Slot {
  readonly entry: CacheEntry;
  readonly bytes: number;
}

/**
 * Keeps answers in memory; the one not used for longest makes room. A `Map`
 * remembers the order in which keys were added, so adding a key again on every
 * use makes it a list by last use, and everything takes constant time.
 *
 * @example
 * ```ts
 * import { cache, MemoryCacheStore } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const store = new MemoryCacheStore({ maxEntries: 100 });
 * const cached = cache({ store });
 * assert.equal(cached.metrics.currentSize, 0);
 * ```
 */
export class MemoryCacheStore implements CacheStore {
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #slots = new Map<string, Slot>();
  /** The last slot in the map, which need not be moved there. */
  #newest: Slot | undefined;
  #bytes = 0;
  #evictions = 0;

  /**
   * Makes an empty store.
   *
   * @throws {RangeError} If a limit is not a positive integer.
   */
  constructor(options: MemoryCacheStoreOptions = {}) {
    checkOptions("cache", options);
    const { maxEntries = 1000, maxBytes = DEFAULT_MAX_BYTES } = options;
    this.#maxEntries = checkNumber("cache", "maxEntries", maxEntries, { min: 1, integer: true });
    this.#maxBytes = checkNumber("cache", "maxBytes", maxBytes, { min: 1, integer: true });
  }

  /** How many answers are kept. */
  get size(): number {
    return this.#slots.size;
  }

  /** How many bytes they take, by estimate. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many answers have made room for others. */
  get evictions(): number {
    return this.#evictions;
  }

  /** What is kept under a key, which was now used last. */
  get(key: string): CacheEntry | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    if (slot !== this.#newest) {
      this.#slots.delete(key);
      this.#slots.set(key, slot);
      this.#newest = slot;
    }
    return slot.entry;
  }

  /** Keeps an answer, and drops those that have no room any more. */
  set(key: string, entry: CacheEntry): void {
    this.delete(key);
    const slot = { entry, bytes: entryBytes(key, entry) };
    if (slot.bytes > this.#maxBytes) return;
    this.#slots.set(key, slot);
    this.#newest = slot;
    this.#bytes += slot.bytes;
    while (this.#slots.size > this.#maxEntries || this.#bytes > this.#maxBytes) {
      this.delete(this.#slots.keys().next().value!);
      this.#evictions++;
    }
  }

  /** Forgets a key; tells whether there was something. */
  delete(key: string): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    if (slot === this.#newest) this.#newest = undefined;
    this.#bytes -= slot.bytes;
    return this.#slots.delete(key);
  }

  /** Forgets everything; tells how much that was. */
  clear(): number {
    const { size } = this.#slots;
    this.#slots.clear();
    this.#newest = undefined;
    this.#bytes = 0;
    return size;
  }

  /** All that is kept, the one not used for longest first. */
  *entries(): Generator<readonly [string, CacheEntry]> {
    for (const [key, { entry }] of this.#slots) yield [key, entry];
  }
}
