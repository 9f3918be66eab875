import type { AgenkitError } from "../../core/errors.ts";
import { encodeError, encodeMessage, encodeStreamEnd } from "../../protocol/encode.ts";
import type { ContentMode } from "../../protocol/encode.ts";
import { checkSize } from "../../protocol/limits.ts";
import { writeEvent } from "../../protocol/sse.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import type { StreamRun } from "../run.ts";

/** What {@linkcode eventStream} needs to know. */
export interface EventStreamOptions {
  /** The request's id. */
  readonly id: string;
  /** The most bytes of an event. */
  readonly maxBytes: number;
  /** How content that is no string is written. */
  readonly content: ContentMode | undefined;
  /** Makes of an error what the client may see. */
  readonly onError: (error: AgenkitError) => AgenkitError;
  /** Called once, when the stream has ended in whatever way. */
  readonly onEnd: () => void;
}

/**
 * The body of a streamed answer: an event per chunk, then the end or an error,
 * and then the body ends at once, since some clients read all of it before they
 * look. A chunk is asked of the agent only when the client has room for it.
 */
export function eventStream(
  run: StreamRun,
  options: EventStreamOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { id, maxBytes, content, onError, onEnd } = options;
  const encoder = new TextEncoder();
  let ended = false;
  const end = () => {
    if (!ended) onEnd();
    ended = true;
  };
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      let event: string;
      let last = false;
      try {
        const result = await run.next();
        last = result.done === true;
        event = last
          ? encodeStreamEnd(id)
          : encodeMessage("stream_chunk", id, result.value, content);
        checkSize("A chunk", event, maxBytes);
      } catch (thrown) {
        const error = toAgenkitError(thrown);
        run.stop(error);
        last = true;
        event = encodeError(id, onError(error), true);
      }
      if (ended) return;
      controller.enqueue(encoder.encode(writeEvent(event)));
      if (!last) return;
      controller.close();
      end();
    },
    cancel() {
      end();
      run.stop(new DOMException("The client has left", "AbortError"));
    },
  }, { highWaterMark: 0 });
}
