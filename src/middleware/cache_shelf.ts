import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { describe } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import { checkClock, checkFunction, checkNumber, checkOptions } from "../core/options.ts";
import type { Flight } from "./cache_flight.ts";
import { CacheKeys } from "./cache_keys.ts";
import { DEFAULT_MAX_BYTES, MemoryCacheStore } from "./cache_memory_store.ts";
import type { CacheMetrics, CacheOptions, CacheTarget } from "./cache_options.ts";
import type { CacheEntry, CacheStore } from "./cache_store.ts";

/** How much an entry is worth: `spare` ones only stand in for an agent that fails. */
export type Freshness = "fresh" | "stale" | "spare" | "expired";

type Test = Exclude<CacheTarget, Message>;

const ACTION = "cache";

/** The state of one `cache` value: what is kept, what is under way, and what was counted. */
export class Shelf {
  readonly clock: Clock;
  readonly keys: CacheKeys;
  /** The largest recording worth making. */
  readonly maxBytes: number;
  /** What is being asked of agents right now, by key. */
  readonly flights: Map<string, Flight> = new Map();
  hits = 0;
  misses = 0;
  staleHits = 0;
  staleOnError = 0;
  shared = 0;
  bypassed = 0;
  readonly #store: CacheStore;
  readonly #memory: MemoryCacheStore | undefined;
  readonly #ttlMs: number;
  readonly #revalidateMs: number;
  readonly #ifErrorMs: number;
  readonly #shouldCache: CacheOptions["shouldCache"];
  #expirations = 0;
  #invalidations = 0;
  #storeErrors = 0;

  constructor(options: CacheOptions) {
    checkOptions(ACTION, options);
    const { ttlMs = 300_000, staleWhileRevalidateMs = 0, staleIfErrorMs = 0 } = options;
    const { store, maxEntries, maxBytes, shouldCache } = options;
    checkNumber(ACTION, "ttlMs", ttlMs, { min: 0, exclusive: true });
    checkNumber(ACTION, "staleWhileRevalidateMs", staleWhileRevalidateMs, { min: 0 });
    checkNumber(ACTION, "staleIfErrorMs", staleIfErrorMs, { min: 0 });
    checkFunction(ACTION, "shouldCache", shouldCache);
    if (store !== undefined) checkStore(store, maxEntries ?? maxBytes);
    this.clock = checkClock(ACTION, options.clock);
    this.keys = new CacheKeys(options);
    this.maxBytes = maxBytes ?? DEFAULT_MAX_BYTES;
    this.#memory = store === undefined ? new MemoryCacheStore({ maxEntries, maxBytes }) : undefined;
    this.#store = store ?? this.#memory!;
    this.#ttlMs = ttlMs;
    this.#revalidateMs = staleWhileRevalidateMs;
    this.#ifErrorMs = staleIfErrorMs;
    this.#shouldCache = shouldCache;
  }

  get metrics(): CacheMetrics {
    const totalRequests = this.hits + this.misses;
    return Object.freeze({
      totalRequests,
      cacheHits: this.hits,
      cacheMisses: this.misses,
      hitRate: totalRequests === 0 ? undefined : this.hits / totalRequests,
      missRate: totalRequests === 0 ? undefined : this.misses / totalRequests,
      staleHits: this.staleHits,
      staleOnError: this.staleOnError,
      sharedRequests: this.shared,
      bypassedRequests: this.bypassed,
      evictions: this.#store.evictions ?? 0,
      expirations: this.#expirations,
      invalidations: this.#invalidations,
      storeErrors: this.#storeErrors,
      currentSize: this.#store.size,
      inFlightRequests: this.flights.size,
    });
  }

  /** Looks a key up. Answers at once where the store does; a store that fails has nothing. */
  find(key: string): CacheEntry | undefined | Promise<CacheEntry | undefined> {
    // No closure for what cannot fail: this is on the way of every hit.
    if (this.#memory !== undefined) return this.#memory.get(key);
    return this.#guard(() => this.#store.get(key));
  }

  /** How much an entry is worth now. */
  freshness(entry: CacheEntry): Freshness {
    const age = this.clock.now() - entry.storedAt;
    if (age < this.#ttlMs) return "fresh";
    if (age < this.#ttlMs + this.#revalidateMs) return "stale";
    return age < this.#ttlMs + this.#ifErrorMs ? "spare" : "expired";
  }

  /** Whether an entry found may stand in for an agent that fails. */
  isSpare(entry: CacheEntry): boolean {
    return this.clock.now() - entry.storedAt < this.#ttlMs + this.#ifErrorMs;
  }

  /** Keeps an answer, if it may be kept. */
  keep(key: string, { request, tenant }: Flight, messages: readonly Message[]): void {
    const shouldCache = this.#shouldCache;
    try {
      if (shouldCache && !messages.every((one) => shouldCache(one, request))) return;
    } catch {
      return;
    }
    const entry = { request, tenant, messages, storedAt: this.clock.now() };
    const keepMs = this.#ttlMs + Math.max(this.#revalidateMs, this.#ifErrorMs);
    this.#guard(() => this.#store.set(key, entry, keepMs));
  }

  /** Drops what was found to be too old. */
  expire(key: string): void {
    this.#expirations++;
    this.#guard(() => this.#store.delete(key));
  }

  async invalidate(target: CacheTarget | undefined, call?: CallOptions): Promise<number> {
    let removed = 0;
    if (target === undefined) {
      for (const key of this.flights.keys()) this.#void(key);
      removed = await this.#store.clear();
    } else {
      const found = typeof target === "function"
        ? this.#where(target)
        : this.keys.all(target, call);
      // A store that answers at once is cleared at once: nothing may come in between.
      const keys = found instanceof Promise ? await found : found;
      for (const key of keys) this.#void(key);
      for (const result of keys.map((key) => this.#store.delete(key))) if (await result) removed++;
    }
    this.#invalidations += removed;
    return removed;
  }

  #void(key: string): void {
    const flight = this.flights.get(key);
    if (flight !== undefined) flight.voided = true;
    this.flights.delete(key);
  }

  #where(test: Test): string[] | Promise<string[]> {
    const keys: string[] = [];
    const look = (key: string, { request, tenant }: Flight | CacheEntry) => {
      if (test(request, tenant)) keys.push(key);
    };
    for (const [key, flight] of this.flights) look(key, flight);
    const entries = this.#store.entries();
    if (Symbol.iterator in entries) {
      for (const [key, entry] of entries) look(key, entry);
      return keys;
    }
    return (async () => {
      for await (const [key, entry] of entries) look(key, entry);
      return keys;
    })();
  }

  /** A store that fails makes the cache useless, but never a call. */
  #guard<T>(action: () => T | Promise<T>): T | undefined | Promise<T | undefined> {
    const failed = (): undefined => {
      this.#storeErrors++;
    };
    try {
      const result = action();
      return result instanceof Promise ? result.catch(failed) : result;
    } catch {
      return failed();
    }
  }
}

function checkStore(store: unknown, limit: number | undefined): void {
  const methods = ["get", "set", "delete", "clear", "entries"];
  const candidate = Object(store) as Record<string, unknown>;
  if (methods.some((name) => typeof candidate[name] !== "function")) {
    throw new TypeError(
      `Cannot cache as 'store' must have the methods ${methods.join(", ")}: ` +
        `current value is ${describe(store)}`,
    );
  }
  if (limit !== undefined) {
    throw new TypeError(
      "Cannot cache as 'maxEntries' and 'maxBytes' are limits of the store in memory: " +
        "current values are given along with a 'store'",
    );
  }
}
