import { closeIterator } from "../core/abortable.ts";
import { type Agent, streamOf } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { isAborted } from "../core/signals.ts";

/** Told how a stream ended: exactly one of these, once. */
export interface StreamObserver {
  /** All chunks were handed on. */
  succeeded(): void;
  /** The agent failed, or the call was aborted. */
  failed(error: unknown): void;
  /** The consumer left before the end. */
  abandoned(): void;
}

/**
 * Passes a stream on as it is and tells how it ended.
 *
 * @param begin Runs when the first chunk is asked for, before the agent is.
 * Gives whoever wants to know how it ends.
 */
export async function* passStream(
  next: Agent,
  message: Message,
  call: CallOptions | undefined,
  begin: () => StreamObserver | void | Promise<StreamObserver | void>,
): AsyncGenerator<Message> {
  const observer = await begin() ?? undefined;
  let source: AsyncIterator<Message> | undefined;
  try {
    for (;;) {
      let result: IteratorResult<Message>;
      try {
        source ??= streamOf(next, message, call)[Symbol.asyncIterator]();
        result = await source.next();
      } catch (error) {
        source = undefined;
        observer?.failed(error);
        throw error;
      }
      if (result.done) {
        source = undefined;
        observer?.succeeded();
        return;
      }
      yield result.value;
    }
  } finally {
    if (source !== undefined) {
      try {
        // An agent that ignores its signal must not hold up a consumer that has left.
        await closeIterator(source, isAborted(call));
      } finally {
        observer?.abandoned();
      }
    }
  }
}
