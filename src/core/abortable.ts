import { onAbort } from "./signals.ts";

/**
 * Waits for a promise or passes a stream on until a signal aborts; then it
 * rejects with the signal's reason at once, even if what it waits for ignores
 * the signal. A late result is dropped and a late failure is never unhandled.
 * The source of an abandoned stream is told by `return()`.
 *
 * The name and signature are those of `@std/async`.
 *
 * @example
 * ```ts
 * import { abortable } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const never = new Promise<never>(() => {});
 * const signal = AbortSignal.abort(new Error("enough"));
 * await assert.rejects(abortable(never, signal), /enough/);
 * ```
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T>;
/** Passes a stream on until a signal aborts. */
export function abortable<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;
export function abortable<T>(
  source: Promise<T> | AsyncIterable<T>,
  signal: AbortSignal,
): Promise<T> | AsyncGenerator<T> {
  return Symbol.asyncIterator in source
    ? abortableStream(source, signal)
    : abortablePromise(source, signal);
}

function abortablePromise<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(signal.reason));
    promise.then(
      (value) => {
        release();
        resolve(value);
      },
      (error) => {
        release();
        reject(error);
      },
    );
  });
}

async function* abortableStream<T>(stream: AsyncIterable<T>, signal: AbortSignal) {
  signal.throwIfAborted();
  const iterator = stream[Symbol.asyncIterator]();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  const release = onAbort(signal, () => aborted.reject(signal.reason));
  let finished = false;
  try {
    for (;;) {
      const next = iterator.next();
      // Should the abort win, nobody looks at this promise any more.
      next.catch(() => {});
      const result = await Promise.race([next, aborted.promise]);
      if (result.done) {
        finished = true;
        return;
      }
      yield result.value;
      signal.throwIfAborted();
    }
  } catch (error) {
    finished = !signal.aborted;
    throw error;
  } finally {
    release();
    if (!finished) await closeIterator(iterator, signal.aborted);
  }
}

/**
 * Tells a source that nobody reads on. After an abort it is not waited for: a
 * generator that hangs in `next()` would never answer.
 */
export async function closeIterator(
  iterator: AsyncIterator<unknown>,
  dontWait: boolean,
): Promise<void> {
  const closed = Promise.resolve(iterator.return?.());
  if (dontWait) closed.catch(() => {});
  else await closed;
}
