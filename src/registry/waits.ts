import { abortable } from "../core/abortable.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { deadline } from "../core/deadline.ts";

/** Waits within the signal and the deadline of a call. */
export function waitFor(
  promise: Promise<void>,
  call: CallOptions | undefined,
  clock: Clock,
): Promise<void> {
  const { signal, deadline: at } = call ?? {};
  if (at !== undefined) {
    const ms = Math.max(0, at - clock.now());
    return deadline(promise, ms, signal === undefined ? { clock } : { clock, signal });
  }
  return signal === undefined ? promise : abortable(promise, signal);
}

/** Waits for what never rejects, but no longer than so many milliseconds. */
export function within(promise: Promise<void>, ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.schedule(clock.now() + ms, resolve);
    void promise.then(() => {
      timer.cancel();
      resolve();
    });
  });
}
