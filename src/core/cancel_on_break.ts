import { closeIterator } from "./abortable.ts";
import type { CallOptions } from "./call.ts";
import { LinkedSignal } from "./signals.ts";

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
  let iterator: AsyncIterator<T> | undefined;
  // Whether the consumer holds an item, so that it is the consumer who stops.
  let handed = false;
  try {
    iterator = start(link.options(call))[Symbol.asyncIterator]();
    for (;;) {
      handed = false;
      const result = await iterator.next();
      if (result.done) return;
      handed = true;
      yield result.value;
    }
  } finally {
    if (handed) {
      // First the signal: what the stream has begun may hold its end up.
      link.abort(new DOMException("The consumer stopped reading", "AbortError"));
      await closeIterator(iterator!, false);
    } else link.release();
  }
}
