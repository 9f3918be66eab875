import { closeIterator } from "./abortable.ts";
import type { CallOptions } from "./call.ts";
import { AgenkitError } from "./errors.ts";
import { LinkedSignal } from "./signals.ts";

/**
 * Reads a stream to its end into an array.
 *
 * @example
 * ```ts
 * import { agent, collect, message, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const counter = agent("counter", async function* () {
 *   yield "one";
 *   yield "two";
 * });
 * const chunks = await collect(counter.stream(message("user", "go")));
 * assert.deepEqual(chunks.map(text), ["one", "two"]);
 * ```
 *
 * @param stream What to read.
 * @param limit The most items to take. @default {Infinity}
 * @throws {AgenkitError} With code `resource_exhausted`, if there are more; the stream is cancelled.
 */
export async function collect<T>(
  stream: AsyncIterable<T>,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) {
    if (items.length >= limit) {
      throw new AgenkitError(
        "resource_exhausted",
        `Cannot collect the stream: expected at most ${limit} items, got more`,
      );
    }
    items.push(item);
  }
  return items;
}

/**
 * Starts a stream with a signal of its own that aborts as soon as the consumer
 * stops early, by `break`, `return` or a throw. Whatever the stream has begun
 * with that signal (a fetch, a child process) is cancelled then, and not only
 * when it next yields.
 *
 * @param start Starts the stream with the call options it is handed.
 * @param call The caller's options; their signal cancels the stream too.
 */
export async function* cancelOnBreak<T>(
  start: (call: CallOptions) => AsyncIterable<T>,
  call?: CallOptions,
): AsyncGenerator<T, void, undefined> {
  const link = new LinkedSignal(call);
  const iterator = start(link.options(call))[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const result = await iterator.next();
      if (result.done) {
        finished = true;
        return;
      }
      yield result.value;
    }
  } catch (error) {
    finished = true;
    throw error;
  } finally {
    if (finished) link.release();
    else {
      // First the signal: what the stream has begun may hold its end up.
      link.abort(new DOMException("The consumer stopped reading", "AbortError"));
      await closeIterator(iterator, false);
    }
  }
}

/** Options of {@linkcode tee}. */
export interface TeeOptions {
  /** How many streams to make. @default {2} */
  readonly branches?: number;
  /**
   * How many items a branch may lag behind the fastest one, which then has to
   * wait. @default {1024}
   */
  readonly limit?: number;
}

/**
 * Splits one stream into several that each see every item. The source is read
 * as the fastest branch asks, and cancelled when all branches have stopped. A
 * branch that lags too far behind slows the others down instead of filling
 * memory; one that has ended or was broken off no longer counts.
 *
 * @throws {RangeError} If an option is not a positive integer.
 */
export function tee<T>(stream: AsyncIterable<T>, options: TeeOptions = {}): AsyncIterable<T>[] {
  const { branches = 2, limit = 1024 } = options;
  for (const [name, value] of [["branches", branches], ["limit", limit]] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(
        `Cannot tee as '${name}' must be a positive integer: current value is ${value}`,
      );
    }
  }
  const source = new TeeSource(stream, limit);
  return Array.from({ length: branches }, () => source.branch());
}

interface Branch<T> {
  readonly queue: T[];
  open: boolean;
}

class TeeSource<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #limit: number;
  readonly #branches: Branch<T>[] = [];
  #pull: Promise<void> | undefined;
  #done = false;
  #failure: { readonly error: unknown } | undefined;
  #room = Promise.withResolvers<void>();

  constructor(stream: AsyncIterable<T>, limit: number) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#limit = limit;
  }

  branch(): AsyncIterable<T> {
    const branch: Branch<T> = { queue: [], open: true };
    this.#branches.push(branch);
    return this.#read(branch);
  }

  async *#read(branch: Branch<T>): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        while (branch.queue.length > 0) {
          const item = branch.queue.shift()!;
          this.#signalRoom();
          yield item;
        }
        if (this.#failure) throw this.#failure.error;
        if (this.#done) return;
        if (this.#branches.some((other) => other.open && other.queue.length >= this.#limit)) {
          await this.#room.promise;
        } else await (this.#pull ??= this.#next());
      }
    } finally {
      branch.open = false;
      branch.queue.length = 0;
      this.#signalRoom();
      if (!this.#done && !this.#failure && !this.#branches.some((other) => other.open)) {
        await closeIterator(this.#iterator, false);
      }
    }
  }

  #signalRoom(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  async #next(): Promise<void> {
    try {
      const result = await this.#iterator.next();
      if (result.done) this.#done = true;
      else {
        for (const branch of this.#branches) {
          if (branch.open) branch.queue.push(result.value);
        }
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#pull = undefined;
  }
}
