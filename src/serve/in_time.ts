import { systemClock } from "../core/clock.ts";
import { onAbort } from "../core/signals.ts";

/** Whether something ends well before the time is over and before the patience has ended. */
export async function inTime(
  ended: Promise<unknown>,
  ms: number,
  patience: AbortSignal,
): Promise<boolean> {
  const timer = new AbortController();
  const release = onAbort(patience, () => timer.abort());
  const over = systemClock.sleep(ms, timer.signal).then(() => false, () => false);
  const first = await Promise.race([ended.then(() => true, () => false), over]);
  release();
  timer.abort();
  return first;
}
