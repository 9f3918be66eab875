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
  // One listener a stream, and no promise that lives as long as the stream:
  // racing against one would leave something behind for every item.
  let fail: (reason: unknown) => void = () => {};
  const release = onAbort(signal, () => fail(signal.reason));
  let open = true;
  try {
    for (;;) {
      const result = await new Promise<IteratorResult<T>>((resolve, reject) => {
        fail = reject;
        nextOf(iterator).then(resolve, (error) => {
          open = false;
          reject(error);
        });
      });
      if (result.done) {
        open = false;
        return;
      }
      yield result.value;
      signal.throwIfAborted();
    }
  } finally {
    try {
      if (open) {
        const closed = closeIterator(iterator, signal.aborted);
        await new Promise<void>((resolve, reject) => {
          // Whoever has broken off gets no reason: nothing more was asked for.
          fail = () => resolve();
          closed.then(resolve, reject);
        });
      }
    } finally {
      release();
    }
  }
}

/** `next()` as a promise, also where it throws at once. */
async function nextOf<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  return await iterator.next();
}

/**
 * Tells a source that nobody reads on. After an abort it is not waited for: a
 * generator that hangs in `next()` would never answer.
 */
export async function closeIterator(
  iterator: AsyncIterator<unknown>,
  dontWait: boolean,
): Promise<void> {
  const closed = returnOf(iterator);
  if (dontWait) closed.catch(() => {});
  else await closed;
}

async function returnOf(iterator: AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.();
}
