import assert from "node:assert/strict";
import type { Agent } from "../../../src/core/agent.ts";
import type { Message } from "../../../src/core/message.ts";
import { wrap } from "../../../src/core/wrap.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import type { Counts, Factory, Made, Waiting } from "./factories.ts";

/** A stack of middleware made for one rule. */
export class Stack {
  readonly clock: TestClock = new TestClock();
  readonly factories: readonly Factory[];
  #made: Made[] = [];

  constructor(factories: readonly Factory[]) {
    this.factories = factories;
  }

  /** Whether some layer leaves an agent that ignores its signal. */
  get abandons(): boolean {
    return this.factories.some(({ abandons }) => abandons === true);
  }

  /** What the layers have counted, outermost first. */
  get counts(): Counts[] {
    return this.#made.flatMap(({ counts }) => counts === undefined ? [] : [counts()]);
  }

  wrap(inner: Agent): Agent {
    this.#made = this.factories.map((factory) => factory.make(this.#tools));
    return wrap(inner, ...this.#made.map(({ middleware }) => middleware));
  }

  /** Wraps with one layer in the state in which its next call waits. */
  wrapWaiting(index: number): { wrapped: Agent; waiting: Waiting } | undefined {
    const waiting = this.factories[index]!.waiting?.(this.#tools);
    if (waiting === undefined) return undefined;
    this.#made = this.factories.map((factory, i) =>
      i === index ? waiting : factory.make(this.#tools)
    );
    const inner = waiting.inner ?? answering;
    return { wrapped: wrap(inner, ...this.#made.map(({ middleware }) => middleware)), waiting };
  }

  /** Nothing is left behind, and what was counted adds up. */
  assertClean(signal?: TrackedSignal): void {
    assert.equal(this.clock.pending, 0, "timers left");
    if (signal !== undefined) assert.equal(signal.listeners, 0, "listeners left on the signal");
    for (const counts of this.counts) {
      assert.equal(counts.inFlight, 0, "calls still in flight");
    }
    this.assertInvariant();
  }

  /** Every call is counted in one outcome. */
  assertInvariant(): void {
    for (const counts of this.counts) {
      const { total, ok, failed = 0, timedOut = 0, rejected = 0, cancelled = 0, inFlight } = counts;
      assert.equal(ok + failed + timedOut + rejected + cancelled + inFlight, total);
      assert.ok(Object.values(counts).every((count) => count >= 0), "a negative count");
    }
  }

  get #tools() {
    return { clock: this.clock, random: () => 0.5 };
  }
}

const answering: Agent = {
  name: "inner",
  process: (request) => Promise.resolve(request.with({ role: "agent" })),
};

/** A signal that counts who listens. */
export class TrackedSignal {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #listeners = new Set<unknown>();

  constructor() {
    const { signal } = this.#controller;
    const { addEventListener, removeEventListener } = signal;
    Object.defineProperties(signal, {
      addEventListener: {
        value: (...args: Parameters<AbortSignal["addEventListener"]>) => {
          this.#listeners.add(args[1]);
          return addEventListener.apply(signal, args);
        },
      },
      removeEventListener: {
        value: (...args: Parameters<AbortSignal["removeEventListener"]>) => {
          this.#listeners.delete(args[1]);
          return removeEventListener.apply(signal, args);
        },
      },
    });
    this.signal = signal;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
    // Whoever was told of the abort cannot be told again.
    this.#listeners.clear();
  }
}

/** What a call has come to, watched from the moment it began. */
export interface Watched<T> {
  state: "pending" | "answered" | "failed";
  value?: T;
  error?: unknown;
}

/** Watches a promise without waiting for it. */
export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { state: "pending" };
  promise.then(
    (value) => Object.assign(watched, { state: "answered", value }),
    (error) => Object.assign(watched, { state: "failed", error }),
  );
  return watched;
}

/** Lets all promise jobs run, and nothing else: what has to happen at once has happened then. */
export async function tick(): Promise<void> {
  for (let i = 0; i < 100; i++) await null;
}

/** The stream of an agent that has one. */
export function streamed(
  target: Agent,
  request: Message,
  signal?: AbortSignal,
): AsyncIterator<Message> {
  return target.stream!(request, { signal })[Symbol.asyncIterator]();
}
