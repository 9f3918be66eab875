import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { isAborted, unwatchAbort, watchAbort } from "../core/signals.ts";

/** Enough for an abort to come through some twenty layers of promises. */
const PROMISE_JOBS = 100;

/** Work that was cancelled and may not have ended yet. */
export class Leftovers {
  #count = 0;
  #ended: (() => void) | undefined;

  /** Counts work until it ends, whichever way. */
  add(work: PromiseLike<unknown>): void {
    this.#count++;
    const end = () => {
      if (--this.#count === 0) this.#ended?.();
    };
    work.then(end, end);
  }

  /**
   * Waits until all of it has ended, but only for as many promise jobs as it
   * takes to obey a signal, and then for `ms` more on the clock: work that
   * ignores its signal must not hold up the answer.
   */
  async wait(ms: number, clock: Clock, call: CallOptions | undefined): Promise<void> {
    for (let job = 0; job < PROMISE_JOBS && this.#count > 0; job++) await null;
    if (this.#count === 0 || ms === 0 || isAborted(call)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = resolve;
    const watcher = { handleEvent: resolve };
    watchAbort(call, watcher);
    const timer = clock.schedule(clock.now() + ms, resolve);
    await promise;
    timer.cancel();
    unwatchAbort(call, watcher);
  }
}
