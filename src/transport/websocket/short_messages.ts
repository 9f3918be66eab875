import type { Channel } from "../channel/channel.ts";

/** What a client of Deno's writes in one go, in bytes. */
const SHORT_BYTES = 1024;
/** Above this many characters cutting costs more than waiting. */
const MAX_CUT = 64 * 1024;

/**
 * Cuts what is sent into messages of 1 KiB, for clients on Deno. They write
 * the head of a longer frame by itself, with Nagle's algorithm on: the kernel
 * holds the rest back until that is acknowledged, for which the other side
 * takes 40 ms (delayed acknowledgements). A short message is written at once,
 * and the ping in it makes for an answer, with which the acknowledgement comes.
 *
 * A line that is cut ends with `+`, and goes on in a line that begins with it.
 */
export class ShortMessages implements Channel {
  readonly closed: Promise<void>;
  readonly #channel: Channel;
  readonly #ping: string;
  readonly #scratch: Uint8Array<ArrayBuffer>;
  readonly #encoder = new TextEncoder();
  /** Whether something has come since the last message, so that all before is acknowledged. */
  #answered = true;

  /**
   * @param channel Carries the messages.
   * @param ping A line that the other side answers at once.
   */
  constructor(channel: Channel, ping: string) {
    this.#channel = channel;
    this.#ping = ping;
    this.#scratch = new Uint8Array(SHORT_BYTES - ping.length - "\n++".length);
    this.closed = channel.closed;
  }

  send(message: string): Promise<void> {
    const answered = this.#answered;
    this.#answered = false;
    if (message.length > MAX_CUT || answered && message.length * 3 <= SHORT_BYTES) {
      return this.#channel.send(message);
    }
    for (let from = 0, mark = "";; mark = "+") {
      // Never half of a character that takes two units.
      let { read } = this.#encoder.encodeInto(message.slice(from), this.#scratch);
      // A break at the end of a piece would make its mark a line of its own.
      if (from + read < message.length && message[from + read - 1] === "\n") read--;
      const piece = mark + message.slice(from, from + read);
      from += read;
      if (from < message.length) {
        this.#channel.send(`${this.#ping}\n${piece}+`).catch(() => {});
        continue;
      }
      return this.#channel.send(answered && mark === "" ? piece : `${this.#ping}\n${piece}`);
    }
  }

  async receive(): Promise<string | undefined> {
    const message = await this.#channel.receive();
    this.#answered = true;
    return message;
  }

  close(code?: number, reason?: string): void {
    this.#channel.close(code, reason);
  }
}
