import { createParser } from "eventsource-parser";
import { closeIterator } from "../core/abortable.ts";
import { AgenkitError } from "../core/errors.ts";
import { checkSize, MAX_MESSAGE_BYTES, tooLarge } from "./limits.ts";

const NOT_ASCII = /[\u007f-\uffff]/g;

/**
 * Writes one server-sent event that carries a JSON text, all in ASCII: clients
 * that split lines at U+0085, U+2028 or U+2029 break on them otherwise.
 *
 * @param json JSON text without line breaks, as `JSON.stringify` gives.
 */
export function writeEvent(json: string): string {
  const ascii = json.replace(
    NOT_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `data: ${ascii}\n\n`;
}

/**
 * Reads the data of server-sent events from bytes that come in any pieces.
 * When the consumer stops, the source is closed.
 *
 * @param source The body, piece by piece.
 * @param maxEventBytes The most an event may have. @default {10485760}
 * @throws {AgenkitError} `resource_exhausted` for an event that is too large, `internal` for bytes that are not UTF-8.
 */
export async function* readEvents(
  source: AsyncIterable<Uint8Array>,
  maxEventBytes: number = MAX_MESSAGE_BYTES,
): AsyncGenerator<string, void, undefined> {
  const events: string[] = [];
  let failure: unknown;
  const parser = createParser({
    onEvent: (event) => events.push(event.data),
    onError: (error) => {
      // Fields that are not known are to be ignored; only the cap matters.
      if (error.type === "max-buffer-size-exceeded") failure = tooLarge("An event", maxEventBytes);
    },
    maxBufferSize: maxEventBytes,
  });
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { value, done } = await iterator.next();
      if (done) return;
      parser.feed(decodeText(decoder, value));
      for (const event of events) {
        // The parser looks at what it holds back only, and counts characters.
        checkSize("An event", event, maxEventBytes);
        yield event;
      }
      events.length = 0;
      if (failure !== undefined) throw failure;
    }
  } finally {
    await closeIterator(iterator, false);
  }
}

function decodeText(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: true });
  } catch (cause) {
    throw new AgenkitError("internal", "Cannot read the event stream: expected UTF-8", {
      cause,
      retryable: false,
    });
  }
}
