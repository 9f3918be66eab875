import { closeIterator } from "./abortable.ts";
import { checkNumber } from "./options.ts";

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
 * @example
 * ```ts
 * import { agent, collect, message, tee, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const counter = agent("counter", async function* () {
 *   yield "one";
 *   yield "two";
 * });
 * const [shown, logged] = tee(counter.stream(message("user", "go")));
 * assert.deepEqual((await collect(shown!)).map(text), ["one", "two"]);
 * assert.deepEqual((await collect(logged!)).map(text), ["one", "two"]);
 * ```
 *
 * @throws {RangeError} If an option is not a positive integer.
 */
export function tee<T>(stream: AsyncIterable<T>, options: TeeOptions = {}): AsyncIterable<T>[] {
  const { branches = 2, limit = 1024 } = options;
  for (const [name, value] of [["branches", branches], ["limit", limit]] as const) {
    checkNumber("tee", name, value, { min: 1, integer: true });
  }
  const source = new TeeSource(stream, limit);
  return Array.from({ length: branches }, () => source.branch());
}

class Branch<T> implements AsyncIterableIterator<T, undefined> {
  readonly queue: T[] = [];
  open = true;
  /** Wakes the branch up when it waits and something has changed. */
  wake: (() => void) | undefined;
  readonly #source: TeeSource<T>;
  readonly #reader: AsyncGenerator<T, undefined>;

  constructor(source: TeeSource<T>) {
    this.#source = source;
    this.#reader = source.read(this);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#reader.next();
  }

  /** Unlike a generator's, it also ends a `next()` that waits, and a branch never read. */
  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#source.close(this);
    return await this.#reader.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

class TeeSource<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #limit: number;
  readonly #branches: Branch<T>[] = [];
  #pulling = false;
  #done = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(stream: AsyncIterable<T>, limit: number) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#limit = limit;
  }

  branch(): Branch<T> {
    const branch = new Branch(this);
    this.#branches.push(branch);
    return branch;
  }

  async *read(branch: Branch<T>): AsyncGenerator<T, undefined> {
    try {
      while (branch.open) {
        if (branch.queue.length > 0) {
          const item = branch.queue.shift()!;
          this.#wakeAll();
          yield item;
        } else if (this.#failure) throw this.#failure.error;
        else if (this.#done) return;
        else {
          const woken = new Promise<void>((resolve) => branch.wake = resolve);
          if (this.#mayPull()) void this.#pull();
          await woken;
        }
      }
    } finally {
      await this.close(branch);
    }
  }

  /** Goes on without a branch; the last one cancels the source. */
  async close(branch: Branch<T>): Promise<void> {
    if (!branch.open) return;
    branch.open = false;
    branch.queue.length = 0;
    this.#wakeAll();
    if (this.#done || this.#failure || this.#branches.some(({ open }) => open)) return;
    await closeIterator(this.#iterator, false);
  }

  #mayPull(): boolean {
    return !this.#pulling &&
      !this.#branches.some(({ open, queue }) => open && queue.length >= this.#limit);
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
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
    this.#pulling = false;
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const branch of this.#branches) {
      const { wake } = branch;
      branch.wake = undefined;
      wake?.();
    }
  }
}
