import type { CallOptions } from "../core/call.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { deadline } from "../core/deadline.ts";
import { Entries, type Entry, withChanges } from "./entries.ts";
import type { RegistryEvent } from "./events.ts";
import { Outage } from "./outage.ts";
import type { InstanceKey } from "./registration.ts";
import type { RegistryStore, StoreChange } from "./store.ts";
import { waitFor, within } from "./waits.ts";

/** After which part of the time until something expires the store is asked about it. */
const EARLY = 0.75;

/** How long a call waits for the store when there are endpoints that will do, in milliseconds. */
const PATIENCE_MS = 100;

/** What a {@linkcode View} needs. */
export interface ViewOptions {
  readonly store: RegistryStore;
  readonly clock: Clock;
  /** How long the store may take to answer, in milliseconds. */
  readonly storeTimeoutMs: number;
  readonly random: () => number;
  /** Told of everything that changes. */
  onEvent(event: RegistryEvent): void;
}

/**
 * What is known of a store, kept current by its changes. The store is asked
 * only when something may have expired, or changes may have been missed: not
 * at each call, and never by polling. While it cannot be reached, what was
 * known last stays.
 */
export class View {
  readonly #options: ViewOptions;
  readonly #entries = new Entries();
  readonly #outage: Outage;
  /** When the first entry expires, so that the store has to be asked again. */
  #nextExpiry = Number.POSITIVE_INFINITY;
  /** When to ask for that beforehand, so that no call has to wait. */
  #refreshAt = Number.POSITIVE_INFINITY;
  #unwatch: (() => Promise<void>) | undefined;
  /** Whether there has ever been a list. */
  #known = false;
  /** Whether changes were missed since the last list. */
  #stale = true;
  /** Whether the store has said that changes are missed. */
  #deaf = false;
  /** Until then the store may have lost what its agents have not told it anew. */
  #gentleUntil = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;
  /** Changes of the store while it was listing: the list may be older than they are. */
  #changes: StoreChange[] | undefined;
  #timer: Timer | undefined;
  #active = false;
  /** Counts the times that it was closed: what began before one is ignored. */
  #era = 0;

  /** @param options What it needs. */
  constructor(options: ViewOptions) {
    this.#options = options;
    this.#outage = new Outage(options.clock, options.random);
  }

  /** Why the store could not be reached, while that is so. */
  get error(): { readonly reason: unknown } | undefined {
    return this.#outage.error;
  }

  /** All that is known now. */
  entries(): Iterable<Entry> {
    return this.#entries.all();
  }

  /**
   * The entries of a name. The store is asked in the background, well before
   * the first one can expire; where one has, since nobody called for a while,
   * its answer is waited for, but not for long if others are there.
   *
   * @throws {AgenkitError} With code `unavailable`, if nothing is known and the store cannot be reached.
   */
  async of(name: string, call?: CallOptions): Promise<readonly Entry[]> {
    const { clock } = this.#options;
    const now = clock.now();
    const current = this.#known && !this.#stale;
    if (current && now < this.#refreshAt) return this.#entries.of(name);
    const refreshed = this.refresh();
    if (current && now <= this.#nextExpiry) return this.#entries.of(name);

    const known = this.#entries.of(name);
    const usable = this.#known &&
      (known.some((entry) => now <= entry.expiresAt) ||
        (this.error !== undefined && known.length > 0));
    // One that cannot be asked now has answered already, as far as it will.
    const answer = usable ? within(refreshed, PATIENCE_MS, clock) : refreshed;
    await waitFor(answer, call, clock);
    if (!this.#known) throw this.#outage.unreachable();
    const all = this.#entries.of(name);
    // What has expired is no longer called, unless the store cannot tell what has come since.
    if (this.error !== undefined) return all;
    const live = all.filter((entry) => clock.now() <= entry.expiresAt);
    return live.length === all.length ? all : live;
  }

  /** Asks the store for everything, unless it has just failed. Many may ask at once. Never rejects. */
  refresh(): Promise<void> {
    if (this.#options.clock.now() < this.#outage.retryAt) return Promise.resolve();
    return this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
      this.#arm();
    });
  }

  /** Notices what expires when it does, with one timer, until told otherwise. */
  set active(active: boolean) {
    this.#active = active;
    if (active && (!this.#known || this.#stale)) void this.refresh();
    else this.#arm();
  }

  /** Takes over what this process has done itself, so that it need not wait to hear of it. */
  apply(change: StoreChange): void {
    // Nobody has asked for anything yet: the first list will have it.
    if (!this.#known && this.#changes === undefined) return;
    this.#changes?.push(change);
    const { clock, onEvent } = this.#options;
    const now = clock.now();
    let events: RegistryEvent[] = [];
    switch (change.type) {
      case "put":
        events = this.#entries.put(change.stored, now);
        this.#expects(Math.min(this.#nextExpiry, now + change.stored.expiresInMs));
        break;
      case "remove":
        events = this.#entries.remove(change.key, now);
        break;
      case "lost":
        this.#stale = this.#deaf = true;
        this.#failed(change.error);
        break;
      case "restored":
        this.#stale = true;
        this.#deaf = false;
        this.#outage.retryNow();
        if (this.#active) void this.refresh();
    }
    for (const event of events) onEvent(event);
    this.#arm();
  }

  /** Takes over that the store has forgotten an agent. */
  expire(key: InstanceKey): void {
    const events = this.#entries.remove(key, Number.POSITIVE_INFINITY);
    for (const event of events) this.#options.onEvent(event);
  }

  /** Takes over that an agent has given a sign of life. */
  touch(key: InstanceKey, timeoutMs: number): void {
    this.#entries.touch(key, this.#options.clock.now() + timeoutMs);
  }

  /** Lets go of the store's changes. What is known is forgotten. */
  async close(): Promise<void> {
    this.#era++;
    this.#active = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#known = this.#deaf = false;
    this.#stale = true;
    this.#gentleUntil = Number.NEGATIVE_INFINITY;
    this.#outage.over();
    this.#expects(Number.POSITIVE_INFINITY);
    this.#entries.clear();
    const unwatch = this.#unwatch;
    this.#unwatch = undefined;
    // It may be gone together with the connection.
    await unwatch?.().catch(() => {});
  }

  async #refresh(): Promise<void> {
    const { store, clock, storeTimeoutMs, onEvent } = this.#options;
    const era = this.#era;
    try {
      // First the changes, then the list: what happens in between is told twice, not never.
      if (this.#unwatch === undefined) {
        const watching = store.watch((change) => {
          if (era === this.#era) this.apply(change);
        });
        const unwatch = await deadline(watching, storeTimeoutMs, { clock }).catch((error) => {
          // Should it come after all, it is of no use any more.
          watching.then((late) => late(), () => {});
          throw error;
        });
        if (era !== this.#era) return void unwatch().catch(() => {});
        this.#unwatch = unwatch;
      }
      this.#changes = [];
      this.#stale = false;
      const list = await deadline(store.list(), storeTimeoutMs, { clock });
      if (era !== this.#era) return;
      const current = withChanges(list, this.#changes);
      this.#changes = undefined;
      const recovered = this.#outage.over();
      const now = clock.now();
      const events = this.#entries.replace(current, now, now <= this.#gentleUntil);
      this.#known = true;
      if (this.#deaf) {
        this.#stale = true;
        this.#outage.retryLater();
      }
      this.#expects(this.#entries.nextExpiry());
      if (recovered) onEvent({ type: "recovered" });
      for (const event of events) onEvent(event);
    } catch (error) {
      this.#changes = undefined;
      if (era !== this.#era) return;
      this.#stale = true;
      this.#failed(error);
    }
  }

  #expects(nextExpiry: number): void {
    const now = this.#options.clock.now();
    this.#nextExpiry = nextExpiry;
    // Of one that is dead ever sooner, but only a few times before its end.
    this.#refreshAt = now + EARLY * Math.max(0, nextExpiry - now);
  }

  #failed(reason: unknown): void {
    const first = this.#outage.failed(reason);
    for (const { expiresAt } of this.#entries.all()) {
      this.#gentleUntil = Math.max(this.#gentleUntil, expiresAt);
    }
    if (first) this.#options.onEvent({ type: "degraded", error: reason });
  }

  /** Sets the one timer for what is due next, if anybody wants to know then. */
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (!this.#active || this.#refreshing !== undefined) return;
    const { clock } = this.#options;
    const { retryAt } = this.#outage;
    // Strictly after the last moment of the entry, which is when the store has dropped it.
    const at = this.#stale ? retryAt : Math.max(this.#nextExpiry + 1, retryAt);
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.schedule(Math.max(at, clock.now()), () => void this.refresh());
  }
}
