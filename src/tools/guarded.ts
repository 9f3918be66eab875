import { abortable } from "../core/abortable.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import { LinkedSignal, throwIfAborted } from "../core/signals.ts";

/**
 * Does some work that is over, whatever it does, when the caller aborts or a
 * time has come. The work is told by the signal it is handed; should it go on
 * nevertheless, what it gives or throws later is dropped.
 *
 * @param until When it has to be over; `undefined` for never.
 * @param late Makes the error to reject with then.
 */
export async function guarded<T>(
  call: CallOptions | undefined,
  clock: Clock,
  until: number | undefined,
  late: () => Error,
  work: (call: CallOptions) => Promise<T>,
): Promise<T> {
  throwIfAborted(call);
  if (until !== undefined && until <= clock.now()) throw late();
  const link = new LinkedSignal(call);
  const timer = until === undefined ? undefined : clock.schedule(until, () => link.abort(late()));
  try {
    return await abortable(work(link.options(call, until)), link.signal);
  } finally {
    timer?.cancel();
    link.release();
  }
}
