import { AgenkitError } from "../../core/errors.ts";
import type { Channel } from "../channel/channel.ts";

/** What belongs together in one message at most, in characters, unless one text alone is longer. */
const MAX_BATCH = 64 * 1024;
/**
 * The most characters of a message of several lines, with a line break for each
 * character. More would be millions of lines at once, which take a peer
 * nothing to send, and the event loop seconds to read.
 */
const MAX_SPLIT = 2 * MAX_BATCH;

/**
 * For how many promise jobs a message is held open. Calls that were begun
 * together have sent by then, and one that is alone loses about a microsecond.
 */
const HOLD_JOBS = 16;

interface Batch {
  readonly texts: string[];
  length: number;
  sent: Promise<void> | undefined;
}

/**
 * Puts what is sent within the same turn into one message, a line each: a
 * message costs more than what is in it. (JSON text has no line breaks.)
 */
export class BatchedChannel implements Channel {
  readonly closed: Promise<void>;
  readonly #channel: Channel;
  readonly #nudge: string | undefined;
  #batch: Batch | undefined;
  /** The promise that all sends of the current batch share. */
  #sending: Promise<void> | undefined;
  /** Lines of the message that came last, in reverse. */
  #lines: string[] = [];

  /**
   * @param channel Carries the messages.
   * @param nudge Is sent before each message of more than 1 KiB; the peer has to answer it at once.
   */
  constructor(channel: Channel, nudge?: string) {
    this.#channel = channel;
    this.#nudge = nudge;
    this.closed = channel.closed;
  }

  send(text: string): Promise<void> {
    const open = this.#batch;
    if (open !== undefined && open.length + text.length > MAX_BATCH) void this.#flush(open);
    const batch = this.#batch;
    if (batch !== undefined) {
      batch.texts.push(text);
      batch.length += text.length;
      return this.#sending!;
    }
    return this.#sending = this.#sendSoon(
      this.#batch = { texts: [text], length: text.length, sent: undefined },
    );
  }

  async receive(): Promise<string | undefined> {
    for (;;) {
      const line = this.#lines.pop();
      if (line !== undefined) return line;
      const message = await this.#channel.receive();
      if (message === undefined || !message.includes("\n")) return message;
      if (message.length > MAX_SPLIT) {
        throw new AgenkitError(
          "resource_exhausted",
          `A message of several lines is too large: expected at most ${MAX_SPLIT} characters, ` +
            `got ${message.length}`,
        );
      }
      this.#lines = message.split("\n").reverse();
    }
  }

  close(code?: number, reason?: string): void {
    this.#channel.close(code, reason);
  }

  async #sendSoon(batch: Batch): Promise<void> {
    for (let job = 0; job < HOLD_JOBS && batch.sent === undefined; job++) await null;
    await this.#flush(batch);
  }

  #flush(batch: Batch): Promise<void> {
    if (this.#batch === batch) this.#batch = undefined;
    return batch.sent ??= this.#sendNow(batch.texts.join("\n"));
  }

  #sendNow(message: string): Promise<void> {
    if (this.#nudge !== undefined && isLong(message)) {
      this.#channel.send(this.#nudge).catch(() => {});
    }
    return this.#channel.send(message);
  }
}

/** What a client of Deno's writes in one go, in bytes. */
const SHORT_BYTES = 1024;

function isLong(text: string): boolean {
  if (text.length > SHORT_BYTES) return true;
  if (text.length * 3 <= SHORT_BYTES) return false;
  return new TextEncoder().encodeInto(text, new Uint8Array(SHORT_BYTES)).read < text.length;
}
