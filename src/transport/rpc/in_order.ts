import { closeIterator } from "../../core/abortable.ts";

/** What came first: another input, or the first output that is waited for. */
type Event<In, Out> =
  | { readonly input: IteratorResult<In> }
  | { readonly output: Out };

/**
 * Maps a stream, several items at once, and yields the results in the order of
 * the items. No more is read than may run.
 *
 * @param source What to map.
 * @param map Must not reject.
 * @param limit How many items may run at once.
 */
export async function* inOrder<In, Out>(
  source: AsyncIterable<In>,
  map: (item: In) => Promise<Out>,
  limit: number,
): AsyncGenerator<Out, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const running: Promise<Event<In, Out>>[] = [];
  let next: Promise<Event<In, Out>> | undefined = read(iterator);
  try {
    while (next !== undefined || running.length > 0) {
      const waits = running.slice(0, 1);
      if (next !== undefined && running.length < limit) waits.push(next);
      const event: Event<In, Out> = await Promise.race(waits);
      if ("output" in event) {
        void running.shift();
        yield event.output;
      } else if (event.input.done) {
        next = undefined;
      } else {
        running.push(map(event.input.value).then((output) => ({ output })));
        next = read(iterator);
      }
    }
  } finally {
    // Whoever stops reading does not wait for the other side to say something.
    next?.catch(() => {});
    if (next !== undefined) await closeIterator(iterator, true);
  }
}

async function read<In, Out>(iterator: AsyncIterator<In>): Promise<Event<In, Out>> {
  return { input: await iterator.next() };
}
