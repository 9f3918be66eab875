/** Names a value that travels with a call, and fixes its type. Made by {@linkcode createContextKey}. */
export interface ContextKey<T> {
  /** Tells keys apart; two keys are never equal, whatever they are called. */
  readonly id: symbol;
  /** What `get` gives where the value was not set. */
  readonly defaultValue: T;
}

/**
 * Values that travel with a call through every layer, by typed key: a user, a
 * tenant, a trace. They stay within the process; metadata is what travels over
 * the network. Immutable: `with` returns a new bag.
 */
export interface ContextValues {
  /** The value of a key, or the key's default. */
  get<T>(key: ContextKey<T>): T;
  /** A copy in which the key has this value. */
  with<T>(key: ContextKey<T>, value: T): ContextValues;
}

/**
 * Makes a key for {@linkcode ContextValues}.
 *
 * @example
 * ```ts
 * import { createContextKey, createContextValues } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const tenant = createContextKey("public", "tenant");
 * const values = createContextValues().with(tenant, "acme");
 * assert.equal(values.get(tenant), "acme");
 * assert.equal(createContextValues().get(tenant), "public");
 * ```
 *
 * @param defaultValue What reading gives where nothing was set.
 * @param description Shown in debuggers.
 */
export function createContextKey<T>(defaultValue: T, description?: string): ContextKey<T> {
  return Object.freeze({ id: Symbol(description), defaultValue });
}

/** Makes an empty bag of values. See {@linkcode createContextKey}. */
export function createContextValues(): ContextValues {
  return EMPTY;
}

class Values implements ContextValues {
  readonly #map: ReadonlyMap<symbol, unknown>;

  constructor(map: ReadonlyMap<symbol, unknown>) {
    this.#map = map;
  }

  get<T>(key: ContextKey<T>): T {
    return this.#map.has(key.id) ? this.#map.get(key.id) as T : key.defaultValue;
  }

  with<T>(key: ContextKey<T>, value: T): ContextValues {
    return new Values(new Map(this.#map).set(key.id, value));
  }
}

const EMPTY: ContextValues = new Values(new Map());
