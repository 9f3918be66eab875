import type { RegistryEvent } from "./events.ts";
import type { InstanceKey, Registration } from "./registration.ts";
import type { StoreChange, StoredRegistration } from "./store.ts";

/** A registration as it is known here, and until when it is kept. */
export interface Entry {
  readonly registration: Registration;
  /** The last moment at which it is live, on the registry's clock. A sign of life moves it. */
  expiresAt: number;
}

const NONE: readonly Entry[] = Object.freeze([]);

/** A copy of what is in a store, which tells what each change of it means. */
export class Entries {
  readonly #names = new Map<string, Map<string, Entry>>();
  /** Made when asked for; the same array while nothing of the name changes. */
  readonly #arrays = new Map<string, readonly Entry[]>();

  /** The entries of a name: the same array until one of them changes. */
  of(name: string): readonly Entry[] {
    const known = this.#arrays.get(name);
    if (known !== undefined) return known;
    const instances = this.#names.get(name);
    if (instances === undefined) return NONE;
    const made = Object.freeze([...instances.values()]);
    this.#arrays.set(name, made);
    return made;
  }

  /** All entries. */
  *all(): Generator<Entry, void, undefined> {
    for (const instances of this.#names.values()) yield* instances.values();
  }

  /** When the first one expires; `Infinity` if there is none. */
  nextExpiry(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const { expiresAt } of this.all()) first = Math.min(first, expiresAt);
    return first;
  }

  /** Takes a registration over. */
  put({ registration, expiresInMs }: StoredRegistration, now: number): RegistryEvent[] {
    const { name, instance } = registration;
    let instances = this.#names.get(name);
    if (instances === undefined) this.#names.set(name, instances = new Map());
    const old = instances.get(instance);
    const expiresAt = now + expiresInMs;
    if (old?.registration.id === registration.id) {
      // The same as before: whoever holds the array need not look at it anew.
      old.expiresAt = expiresAt;
      return [];
    }
    instances.set(instance, { registration, expiresAt });
    this.#arrays.delete(name);
    if (old === undefined) return [{ type: "registered", registration }];
    const previous = old.registration;
    return now > old.expiresAt
      ? [{ type: "expired", registration: previous }, { type: "registered", registration }]
      : [{ type: "replaced", registration, previous }];
  }

  /** Lets an entry live until another time, if there is one. */
  touch({ name, instance }: InstanceKey, expiresAt: number): void {
    const entry = this.#names.get(name)?.get(instance);
    if (entry !== undefined) entry.expiresAt = expiresAt;
  }

  /** Drops what was taken out. */
  remove({ name, instance }: InstanceKey, now: number): RegistryEvent[] {
    const instances = this.#names.get(name);
    const old = instances?.get(instance);
    if (old === undefined) return [];
    instances!.delete(instance);
    if (instances!.size === 0) this.#names.delete(name);
    this.#arrays.delete(name);
    const type = now > old.expiresAt ? "expired" : "unregistered";
    return [{ type, registration: old.registration }];
  }

  /**
   * Takes a whole list over.
   *
   * @param gentle Keeps what the list lacks until it expires: for a store that
   * may have lost it, while the agents themselves are still there.
   */
  replace(list: readonly StoredRegistration[], now: number, gentle: boolean): RegistryEvent[] {
    const listed = new Set(list.map(({ registration }) => tagOf(registration)));
    const events: RegistryEvent[] = [];
    for (const { registration, expiresAt } of [...this.all()]) {
      if (listed.has(tagOf(registration)) || (gentle && now <= expiresAt)) continue;
      events.push(...this.remove(registration, now));
    }
    for (const stored of list) events.push(...this.put(stored, now));
    return events;
  }

  /** Forgets everything. */
  clear(): void {
    this.#names.clear();
    this.#arrays.clear();
  }
}

/** A name and an instance as one text. */
export function tagOf({ name, instance }: InstanceKey): string {
  return JSON.stringify([name, instance]);
}

/** A list with the changes that were told while it was made: it may be older than they are. */
export function withChanges(
  list: readonly StoredRegistration[],
  changes: readonly StoreChange[],
): readonly StoredRegistration[] {
  if (changes.length === 0) return list;
  const found = new Map(list.map((stored) => [tagOf(stored.registration), stored]));
  for (const change of changes) {
    if (change.type === "put") found.set(tagOf(change.stored.registration), change.stored);
    else if (change.type === "remove") found.delete(tagOf(change.key));
  }
  return [...found.values()];
}
