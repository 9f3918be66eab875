import { abortable } from "../core/abortable.ts";
import type { Agent } from "../core/agent.ts";
import { type CallOptions, NO_OPTIONS } from "../core/call.ts";
import { CODES } from "../core/code.ts";
import { codeOf } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import { isAborted, reasonOf, throwIfAborted } from "../core/signals.ts";
import type { FlightInit } from "./cache_flight.ts";
import type { Prefixes } from "./cache_keys.ts";
import { SharedCall } from "./cache_shared_call.ts";
import { SharedStream } from "./cache_shared_stream.ts";
import type { Shelf } from "./cache_shelf.ts";
import type { CacheEntry } from "./cache_store.ts";
import { passStream } from "./pass_stream.ts";

/** One agent behind a cache. */
export class CachedAgent {
  readonly #next: Agent;
  readonly #shelf: Shelf;
  readonly #prefixes: Prefixes;

  constructor(next: Agent, shelf: Shelf) {
    this.#next = next;
    this.#shelf = shelf;
    this.#prefixes = shelf.keys.adopt(next.name);
  }

  /** No `async`: a hit costs one promise and no more. */
  process(request: Message, call?: CallOptions): Promise<Message> {
    try {
      if (isAborted(call)) return Promise.reject(reasonOf(call));
      const key = this.#shelf.keys.of(this.#prefixes.process, request, call);
      if (key === undefined) {
        this.#bypass();
        return Promise.resolve(this.#next.process(request, call));
      }
      const found = this.#shelf.find(key);
      if (!(found instanceof Promise)) return this.#answer(key, found, request, call);
      return patient(found, call).then((entry) => this.#answer(key, entry, request, call));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async *stream(request: Message, call?: CallOptions): AsyncGenerator<Message> {
    throwIfAborted(call);
    const key = this.#shelf.keys.of(this.#prefixes.stream, request, call);
    if (key === undefined) {
      this.#bypass();
      yield* passStream(this.#next, request, call, () => {});
      return;
    }
    const found = this.#shelf.find(key);
    const entry = found instanceof Promise ? await patient(found, call) : found;
    const freshness = this.#assess(key, entry);
    if (freshness === "fresh" || freshness === "stale") {
      if (freshness === "stale") this.#renewStream(key, request, call);
      yield* replay(entry!.messages, call);
      return;
    }
    let begun = false;
    try {
      for await (const chunk of this.#shareStream(key, request, call).read(call)) {
        begun = true;
        yield chunk;
      }
    } catch (error) {
      if (begun || !this.#standsIn(entry, error, call)) throw error;
      yield* replay(entry!.messages, call);
    }
  }

  #bypass(): void {
    this.#shelf.misses++;
    this.#shelf.bypassed++;
  }

  /** Counts a hit or a miss, and drops what is too old. */
  #assess(key: string, entry: CacheEntry | undefined) {
    const shelf = this.#shelf;
    const freshness = entry === undefined ? "expired" : shelf.freshness(entry);
    if (freshness === "fresh") shelf.hits++;
    else if (freshness === "stale") {
      shelf.hits++;
      shelf.staleHits++;
    } else {
      shelf.misses++;
      if (entry !== undefined && freshness === "expired") shelf.expire(key);
    }
    return freshness;
  }

  #answer(
    key: string,
    entry: CacheEntry | undefined,
    request: Message,
    call: CallOptions | undefined,
  ): Promise<Message> {
    const freshness = this.#assess(key, entry);
    if (freshness === "fresh") return Promise.resolve(entry!.messages[0]!);
    if (freshness === "stale") {
      if (!this.#shelf.flights.has(key)) this.#launch(key, request, call, true).start();
      return Promise.resolve(entry!.messages[0]!);
    }
    const answer = this.#share(key, request, call);
    if (freshness === "expired") return answer;
    return answer.catch((error) => {
      if (this.#standsIn(entry, error, call)) return entry!.messages[0]!;
      throw error;
    });
  }

  #share(key: string, request: Message, call: CallOptions | undefined): Promise<Message> {
    const running = this.#shelf.flights.get(key);
    if (running instanceof SharedCall) {
      this.#shelf.shared++;
      return running.join(call);
    }
    const flight = this.#launch(key, request, call, false);
    const answer = flight.join(call);
    flight.start();
    return answer;
  }

  #launch(key: string, request: Message, call: CallOptions | undefined, unattended: boolean) {
    const flight: SharedCall = new SharedCall(
      this.#init(key, request, call, () => flight),
      unattended,
    );
    this.#shelf.flights.set(key, flight);
    return flight;
  }

  #shareStream(key: string, request: Message, call: CallOptions | undefined): SharedStream {
    const running = this.#shelf.flights.get(key);
    if (running instanceof SharedStream && running.suits(call)) {
      this.#shelf.shared++;
      return running;
    }
    const flight: SharedStream = new SharedStream(
      this.#init(key, request, call, () => flight),
      this.#shelf.maxBytes,
    );
    this.#shelf.flights.set(key, flight);
    return flight;
  }

  #renewStream(key: string, request: Message, call: CallOptions | undefined): void {
    if (this.#shelf.flights.has(key)) return;
    // Nobody waits for it: only the values travel, and failing changes nothing.
    this.#shareStream(key, request, { values: call?.values }).recordAll().catch(() => {});
  }

  #init(
    key: string,
    request: Message,
    call: CallOptions | undefined,
    flight: () => SharedCall | SharedStream,
  ): FlightInit {
    const { flights, keys, clock } = this.#shelf;
    return {
      next: this.#next,
      request,
      tenant: keys.tenantOf(request, call ?? NO_OPTIONS),
      call,
      clock,
      keep: (messages) => this.#shelf.keep(key, flight(), messages),
      close: () => {
        // Another may have taken its place.
        if (flights.get(key) === flight()) flights.delete(key);
      },
    };
  }

  /** Whether an old answer may be given instead of an error: not if the caller is at fault. */
  #standsIn(entry: CacheEntry | undefined, error: unknown, call: CallOptions | undefined): boolean {
    const code = codeOf(error) ?? "unknown";
    const agentFailed = CODES[code].http >= 500 || code === "resource_exhausted";
    if (entry === undefined || !agentFailed || isAborted(call)) return false;
    if (!this.#shelf.isSpare(entry)) return false;
    this.#shelf.staleOnError++;
    return true;
  }
}

/** Waits for the store, but no longer than the caller does. */
function patient<T>(promise: Promise<T>, call: CallOptions | undefined): Promise<T> {
  const signal = call?.signal;
  return signal === undefined ? promise : abortable(promise, signal);
}

async function* replay(
  messages: readonly Message[],
  call: CallOptions | undefined,
): AsyncGenerator<Message> {
  for (const message of messages) {
    throwIfAborted(call);
    yield message;
  }
}
