import { AgenkitError, type Agent, agent } from "../../../mod.ts";
import {
  type AgentRegistry,
  agentRegistry,
  type AgentRegistryOptions,
  memoryStore,
  type Registration,
  type RegistryEvent,
  type RegistryStore,
} from "../../../src/registry/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { jobs } from "../core/fakes.ts";

/** A store that can be made slow, deaf, or broken. */
export class FaultyStore implements RegistryStore {
  readonly inner: RegistryStore;
  /** What every question fails with. */
  failing: Error | undefined;
  /** Whether questions are never answered. */
  hanging = false;
  /** Whether changes are not told, while questions are answered. */
  deaf = false;
  /** How often each method was called. */
  readonly calls: Record<string, number> = {};
  #listeners = new Set<Parameters<RegistryStore["watch"]>[0]>();

  constructor(inner: RegistryStore) {
    this.inner = inner;
  }

  put: RegistryStore["put"] = (registration) =>
    this.#ask("put", () => this.inner.put(registration));
  touch: RegistryStore["touch"] = (key, ms) => this.#ask("touch", () => this.inner.touch(key, ms));
  remove: RegistryStore["remove"] = (key) => this.#ask("remove", () => this.inner.remove(key));
  list: RegistryStore["list"] = (name) => this.#ask("list", () => this.inner.list(name));
  prune: RegistryStore["prune"] = () => this.#ask("prune", () => this.inner.prune());
  watch: RegistryStore["watch"] = async (listener) => {
    const unwatch = await this.#ask("watch", () =>
      this.inner.watch((change) => {
        if (this.failing === undefined && !this.deaf) listener(change);
      }));
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      return unwatch();
    };
  };

  /** How many watch. */
  get watchers(): number {
    return this.#listeners.size;
  }

  /** Loses its connections. */
  break(error: Error = new Error("connection lost")): void {
    this.failing = error;
    for (const listener of this.#listeners) listener({ type: "lost", error });
  }

  /** Loses the connection that tells of changes, and no other. */
  deafen(): void {
    this.deaf = true;
    for (const listener of this.#listeners) listener({ type: "lost", error: new Error("deaf") });
  }

  /** Has them again. */
  mend(): void {
    this.failing = undefined;
    this.deaf = false;
    for (const listener of this.#listeners) listener({ type: "restored" });
  }

  #ask<T>(method: string, question: () => Promise<T>): Promise<T> {
    this.calls[method] = (this.calls[method] ?? 0) + 1;
    if (this.hanging) return new Promise(() => {});
    return this.failing === undefined ? question() : Promise.reject(this.failing);
  }
}

/** A registry on a clock that stands still, with a store that can fail. */
export function testRegistry(options: AgentRegistryOptions = {}): {
  readonly clock: TestClock;
  readonly store: FaultyStore;
  readonly registry: AgentRegistry;
} {
  const clock = new TestClock();
  const store = new FaultyStore(memoryStore({ clock }));
  const registry = agentRegistry({ store, clock, random: () => 0.5, ...options });
  return { clock, store, registry };
}

/** Collects events; `types()` names those since the last time. */
export class EventLog {
  readonly events: RegistryEvent[] = [];
  readonly #iterator: AsyncIterableIterator<RegistryEvent>;
  #read = 0;

  constructor(registry: AgentRegistry) {
    const events = this.#iterator = registry.events();
    void (async () => {
      for await (const event of events) this.events.push(event);
    })();
  }

  async types(): Promise<string[]> {
    await jobs();
    const fresh = this.events.slice(this.#read).map((event) =>
      "registration" in event ? `${event.type} ${event.registration.name}` : event.type
    );
    this.#read = this.events.length;
    return fresh;
  }

  stop(): Promise<unknown> {
    return this.#iterator.return!();
  }
}

/** Agents behind endpoints, by URL, as `connect` makes them. */
export class Fleet {
  /** The URLs that were called, in order. */
  readonly called: string[] = [];
  /** The URLs whose clients were closed. */
  readonly closed: string[] = [];
  /** What calls of a URL fail with. */
  readonly failing: Map<string, Error> = new Map();
  /** Calls that hang, by URL, until they are let go. */
  readonly held: Map<string, PromiseWithResolvers<void>> = new Map();

  readonly connect = (registration: Registration): Agent & { close(): void } => {
    const { endpoint } = registration;
    const one = agent({
      name: registration.name,
      process: async () => {
        this.called.push(endpoint);
        await this.held.get(endpoint)?.promise;
        const error = this.failing.get(endpoint);
        if (error !== undefined) throw error;
        return endpoint;
      },
    });
    return {
      name: one.name,
      process: (m, call) => one.process(m, call),
      close: () => void this.closed.push(endpoint),
    };
  };
}

/** What a broken connection is. */
export function down(begun?: false): AgenkitError {
  return new AgenkitError("unavailable", "down", begun === false ? { details: { begun } } : {});
}
