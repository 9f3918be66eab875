import { AgenkitError } from "../../core/errors.ts";
import { tooLarge } from "../../protocol/limits.ts";
import type { Channel } from "../channel/channel.ts";

/** What belongs together in one message at most, in characters, unless one text alone is longer. */
const MAX_BATCH = 16 * 1024;
/**
 * The most characters of a message of several lines, with a line break for each
 * character. More would be millions of lines at once, which take a peer
 * nothing to send, and the event loop seconds to read.
 */
const MAX_SPLIT = 128 * 1024;

/**
 * For how many promise jobs a message is held open: calls that were begun
 * together have sent by then.
 */
const HOLD_JOBS = 16;

/** A channel that may be told when there is nothing to put together. */
export interface MuxChannel extends Channel {
  /** @param alone Whether nothing else is likely to be sent in this turn. */
  send(text: string, alone?: boolean): Promise<void>;
}

interface Batch {
  readonly texts: string[];
  length: number;
  sent: Promise<void> | undefined;
}

/**
 * Puts what is sent within the same turn into one message, a line each: a
 * message costs more than what is in it. (JSON text has no line breaks.) Takes
 * messages apart in turn, and puts lines together that were cut: one that ends
 * with `+` goes on in the next line that begins with it.
 */
export class BatchedChannel implements MuxChannel {
  readonly closed: Promise<void>;
  readonly #channel: Channel;
  readonly #maxLength: number;
  #batch: Batch | undefined;
  /** The promise that all sends of the current batch share. */
  #sending: Promise<void> | undefined;
  /** Lines of the message that came last, in reverse. */
  #lines: string[] = [];
  /** What has come of a line that was cut. */
  #cut = "";

  /**
   * @param channel Carries the messages.
   * @param maxLength How many characters a line may have that comes in pieces.
   */
  constructor(channel: Channel, maxLength: number) {
    this.#channel = channel;
    this.#maxLength = maxLength;
    this.closed = channel.closed;
  }

  /** What is held is as good as waiting: it has not been written yet. */
  get congested(): boolean | undefined {
    return this.#batch !== undefined || this.#channel.congested;
  }

  send(text: string, alone = false): Promise<void> {
    const open = this.#batch;
    if (alone && open === undefined) return this.#channel.send(text);
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
      if (line !== undefined) {
        const whole = this.#whole(line);
        if (whole !== undefined) return whole;
        continue;
      }
      const message = await this.#channel.receive();
      if (message === undefined) return undefined;
      if (!message.includes("\n")) {
        this.#lines.push(message);
        continue;
      }
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

  /** The line with what came of it before, unless it goes on. */
  #whole(line: string): string | undefined {
    if (line.startsWith("+")) {
      line = this.#cut + line.slice(1);
      this.#cut = "";
    }
    if (!line.endsWith("+")) return line;
    if (line.length > this.#maxLength) throw tooLarge("The message", this.#maxLength);
    this.#cut = line.slice(0, -1);
    return undefined;
  }

  async #sendSoon(batch: Batch): Promise<void> {
    for (let job = 0; job < HOLD_JOBS && batch.sent === undefined; job++) await null;
    await this.#flush(batch);
  }

  #flush(batch: Batch): Promise<void> {
    if (this.#batch === batch) this.#batch = undefined;
    return batch.sent ??= this.#channel.send(batch.texts.join("\n"));
  }
}
