import type { Clock, Timer } from "../core/clock.ts";

/** How long a stream may stay open after its last item. */
const END_GRACE_MS = 100;

/**
 * Whether a stream ends with what was its last item, as it should: then its
 * connection can be used again. One that is kept open is not waited for.
 */
export async function endsInTime(items: AsyncIterator<unknown>, clock: Clock): Promise<boolean> {
  let timer: Timer | undefined;
  const late = new Promise<false>((resolve) => {
    timer = clock.schedule(clock.now() + END_GRACE_MS, () => resolve(false));
  });
  const end = items.next().then(({ done }) => done === true, () => false);
  const ended = await Promise.race([end, late]);
  timer?.cancel();
  return ended;
}
