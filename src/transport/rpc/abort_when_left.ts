import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { onAbort } from "../../core/signals.ts";

/**
 * Gives a streamed call a signal that also aborts when the body of its answer
 * is not read on. Deno, when it cuts its connections, tells nothing else; and
 * the library would tell a generator that waits for its next chunk only with
 * that chunk.
 */
export async function abortWhenLeft(
  call: UniversalServerRequest,
  answer: (call: UniversalServerRequest) => Promise<UniversalServerResponse>,
): Promise<UniversalServerResponse> {
  const left = new AbortController();
  const release = onAbort(call.signal, () => left.abort(call.signal.reason));
  const response = await answer({ ...call, signal: left.signal });
  const { body } = response;
  if (body === undefined) {
    release();
    return response;
  }
  return { ...response, body: { [Symbol.asyncIterator]: () => told(body, left, release) } };
}

/** The chunks of a body; whoever stops reading them aborts the call. */
function told(
  body: AsyncIterable<Uint8Array>,
  left: AbortController,
  release: () => void,
): AsyncIterator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  const stop = (reason: unknown) => {
    release();
    left.abort(reason ?? new DOMException("The client has left", "AbortError"));
  };
  const end: IteratorResult<Uint8Array> = { done: true, value: undefined };
  return {
    async next() {
      try {
        const result = await iterator.next();
        if (result.done) release();
        return result;
      } catch (error) {
        release();
        throw error;
      }
    },
    async throw(reason) {
      stop(reason);
      return await iterator.throw?.(reason) ?? end;
    },
    async return() {
      stop(undefined);
      return await iterator.return?.() ?? end;
    },
  };
}
