import { type Clock, systemClock } from "../core/clock.ts";
import { AgenkitError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import type { InstanceKey, Registration } from "./registration.ts";
import type { RegistryStore, StoreChange, StoredRegistration } from "./store.ts";

/** Options of {@linkcode memoryStore}. */
export interface MemoryStoreOptions {
  /** The most registrations; more are refused with `resource_exhausted`. @default {10000} */
  readonly maxRegistrations?: number | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * Makes a store in the memory of this process. No timer runs: what has expired
 * is left out, and forgotten when somebody looks.
 *
 * @example
 * ```ts
 * import { agentRegistry, memoryStore } from "@agenkit/agenkit/registry";
 * import assert from "node:assert/strict";
 *
 * const store = memoryStore();
 * const one = agentRegistry({ store });
 * const other = agentRegistry({ store });
 * await one.register({ name: "echo", endpoint: "http://127.0.0.1:8080" });
 * assert.equal((await other.lookup("echo"))?.endpoint, "http://127.0.0.1:8080");
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function memoryStore(options: MemoryStoreOptions = {}): RegistryStore {
  return new MemoryStore(options);
}

interface Entry {
  readonly registration: Registration;
  /** The last moment at which it is still kept. */
  expiresAt: number;
}

class MemoryStore implements RegistryStore {
  readonly #max: number;
  readonly #clock: Clock;
  readonly #names = new Map<string, Map<string, Entry>>();
  readonly #listeners = new Set<(change: StoreChange) => void>();
  #size = 0;

  constructor(options: MemoryStoreOptions) {
    this.#max = checkNumber(
      "keep registrations in memory",
      "maxRegistrations",
      options.maxRegistrations ?? 10_000,
      { min: 1, integer: true, infinite: true },
    );
    this.#clock = options.clock ?? systemClock;
  }

  put(registration: Registration): Promise<void> {
    const { name, instance, timeoutMs } = registration;
    const known = this.#live(name, instance) !== undefined;
    if (!known && this.#size >= this.#max) this.#forgetExpired();
    if (!known && this.#size >= this.#max) {
      return Promise.reject(
        new AgenkitError(
          "resource_exhausted",
          `Cannot register agent '${name}': expected at most ${this.#max} registrations`,
        ),
      );
    }
    let instances = this.#names.get(name);
    if (instances === undefined) this.#names.set(name, instances = new Map());
    if (!known) this.#size++;
    instances.set(instance, { registration, expiresAt: this.#clock.now() + timeoutMs });
    this.#tell({ type: "put", stored: { registration, expiresInMs: timeoutMs } });
    return Promise.resolve();
  }

  touch({ name, instance }: InstanceKey, timeoutMs: number): Promise<boolean> {
    const entry = this.#live(name, instance);
    if (entry !== undefined) entry.expiresAt = this.#clock.now() + timeoutMs;
    return Promise.resolve(entry !== undefined);
  }

  remove(key: InstanceKey): Promise<boolean> {
    const { name, instance } = key;
    if (this.#live(name, instance) === undefined) return Promise.resolve(false);
    this.#drop(name, instance);
    this.#tell({ type: "remove", key: { name, instance } });
    return Promise.resolve(true);
  }

  list(name?: string): Promise<readonly StoredRegistration[]> {
    const now = this.#clock.now();
    const found: StoredRegistration[] = [];
    const one = name === undefined ? undefined : this.#names.get(name);
    const chosen = name === undefined ? this.#names.values() : one === undefined ? [] : [one];
    for (const instances of chosen) {
      for (const { registration, expiresAt } of instances.values()) {
        if (now <= expiresAt) found.push({ registration, expiresInMs: expiresAt - now });
      }
    }
    return Promise.resolve(found);
  }

  prune(): Promise<readonly InstanceKey[]> {
    return Promise.resolve(this.#forgetExpired());
  }

  watch(listener: (change: StoreChange) => void): Promise<() => Promise<void>> {
    // A function of its own, so that one listener may watch twice.
    const own = (change: StoreChange) => listener(change);
    this.#listeners.add(own);
    return Promise.resolve(() => {
      this.#listeners.delete(own);
      return Promise.resolve();
    });
  }

  #live(name: string, instance: string): Entry | undefined {
    const entry = this.#names.get(name)?.get(instance);
    if (entry === undefined || this.#clock.now() <= entry.expiresAt) return entry;
    this.#drop(name, instance);
    return undefined;
  }

  #forgetExpired(): InstanceKey[] {
    const now = this.#clock.now();
    const expired = [...this.#names.values()].flatMap((instances) => [...instances.values()])
      .filter(({ expiresAt }) => now > expiresAt)
      .map(({ registration: { name, instance } }) => ({ name, instance }));
    for (const { name, instance } of expired) this.#drop(name, instance);
    return expired;
  }

  #drop(name: string, instance: string): void {
    const instances = this.#names.get(name)!;
    instances.delete(instance);
    this.#size--;
    if (instances.size === 0) this.#names.delete(name);
  }

  #tell(change: StoreChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
