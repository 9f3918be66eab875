import { onAbort } from "../core/signals.ts";
import type { Registration } from "./registration.ts";

/** What has happened in a registry. */
export type RegistryEvent =
  /** An agent was registered. */
  | { readonly type: "registered"; readonly registration: Registration }
  /** An agent was registered in place of another of the same name and instance. */
  | {
    readonly type: "replaced";
    readonly registration: Registration;
    readonly previous: Registration;
  }
  /** An agent was taken out. */
  | { readonly type: "unregistered"; readonly registration: Registration }
  /** An agent has given no sign of life for too long. */
  | { readonly type: "expired"; readonly registration: Registration }
  /** The store cannot be reached: what was known last is used. */
  | { readonly type: "degraded"; readonly error: unknown }
  /** The store can be reached again, and what is known is current. */
  | { readonly type: "recovered" }
  /** The reader was too slow: so many events before this one are missing. List the agents anew. */
  | { readonly type: "overflow"; readonly dropped: number };

/** Events for one reader: bounded, the oldest go first. */
export class EventQueue implements AsyncIterableIterator<RegistryEvent> {
  readonly #limit: number;
  readonly #onEnd: () => void;
  readonly #signal: AbortSignal | undefined;
  #release: () => void = () => {};
  #events: RegistryEvent[] = [];
  #dropped = 0;
  #ended = false;
  #waiting: {
    readonly resolve: (result: IteratorResult<RegistryEvent>) => void;
    readonly reject: (reason: unknown) => void;
  }[] = [];

  /** @param onEnd Runs once, when nobody reads on. */
  constructor(limit: number, signal: AbortSignal | undefined, onEnd: () => void) {
    this.#limit = limit;
    this.#onEnd = onEnd;
    this.#signal = signal;
    // One that has aborted before is told of by next().
    if (!signal?.aborted) this.#release = onAbort(signal, () => this.#abort());
  }

  /** Hands an event to the reader, or keeps it until it comes. */
  push(event: RegistryEvent): void {
    if (this.#ended) return;
    const reader = this.#waiting.shift();
    if (reader !== undefined) return reader.resolve({ done: false, value: event });
    this.#events.push(event);
    if (this.#events.length <= this.#limit) return;
    this.#events.shift();
    this.#dropped++;
  }

  /** Ends the iteration after what is kept. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#release();
    for (const { resolve } of this.#waiting.splice(0)) resolve({ done: true, value: undefined });
    this.#onEnd();
  }

  /** The next event. */
  next(): Promise<IteratorResult<RegistryEvent>> {
    if (this.#signal?.aborted) return Promise.reject(this.#signal.reason);
    if (this.#dropped > 0) {
      const dropped = this.#dropped;
      this.#dropped = 0;
      return Promise.resolve({ done: false, value: { type: "overflow", dropped } });
    }
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Stops reading. */
  return(): Promise<IteratorResult<RegistryEvent>> {
    this.#events = [];
    this.#dropped = 0;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #abort(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(this.#signal!.reason);
    this.#events = [];
    this.end();
  }
}
