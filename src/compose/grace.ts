import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { isAborted, unwatchAbort, watchAbort } from "../core/signals.ts";

/** Enough for an abort to come through some twenty layers of promises. */
const PROMISE_JOBS = 100;

/** How much work runs, and who wants to know when none does any more. */
export class Pending {
  #count = 0;
  #idle: (() => void) | undefined;

  /** Whether any work runs. */
  get busy(): boolean {
    return this.#count > 0;
  }

  /** Work begins. */
  begin(): void {
    this.#count++;
  }

  /** Work has ended. */
  end(): void {
    if (--this.#count === 0) this.#idle?.();
  }

  /**
   * Waits for work that was cancelled, but only for as many promise jobs as it
   * takes to obey a signal, and then for `ms` more on the clock: work that
   * ignores its signal must not hold up the answer.
   */
  async wait(ms: number, clock: Clock, call: CallOptions | undefined): Promise<void> {
    for (let job = 0; job < PROMISE_JOBS && this.busy; job++) await null;
    if (!this.busy || ms === 0 || isAborted(call)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    const watcher = { handleEvent: resolve };
    watchAbort(call, watcher);
    const timer = clock.schedule(clock.now() + ms, resolve);
    await promise;
    timer.cancel();
    unwatchAbort(call, watcher);
  }
}
