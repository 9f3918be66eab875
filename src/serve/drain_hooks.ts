import { describe } from "../core/json.ts";

/** Those who want to know before a server drains. */
export class DrainHooks {
  readonly #callbacks = new Set<() => void | Promise<void>>();

  /**
   * Adds one.
   *
   * @returns Takes it back.
   * @throws {TypeError} If it is no function.
   */
  add(callback: () => void | Promise<void>): () => void {
    if (typeof callback !== "function") {
      throw new TypeError(
        `Cannot wait for a drain: expected a function, got ${describe(callback)}`,
      );
    }
    // A function of its own, so that one callback may be added twice.
    const own = () => callback();
    this.#callbacks.add(own);
    return () => void this.#callbacks.delete(own);
  }

  /** Runs all of them at once, each once. Resolves when all have ended; never rejects. */
  async run(): Promise<void> {
    const callbacks = [...this.#callbacks];
    this.#callbacks.clear();
    await Promise.allSettled(callbacks.map(async (callback) => await callback()));
  }
}
