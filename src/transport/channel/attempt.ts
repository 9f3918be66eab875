import { AgenkitError, codeOf } from "../../core/errors.ts";
import { onAbort } from "../../core/signals.ts";
import { type Envelope, UNKNOWN_ID } from "../../protocol/envelope.ts";
import { checkSize } from "../../protocol/limits.ts";
import { checkId, decodeAnswer, unusable } from "../answer.ts";
import { type Exchange, writeRequest } from "../exchange.ts";
import type { CallChannel, ChannelSource } from "./channel.ts";

/** One attempt of one call: the connection it has, and what may become of that. */
export class Attempt {
  readonly #source: ChannelSource;
  readonly #exchange: Exchange;
  readonly #url: string;
  #channel: CallChannel | undefined;
  #unlisten: (() => void) | undefined;
  #id = "";
  #idKnown = true;
  #reusable = false;
  /** Whether the connection was lost on the way, so that another attempt may go better. */
  lost = false;

  /** @param url Names the server in errors. */
  constructor(source: ChannelSource, exchange: Exchange, url: string) {
    this.#source = source;
    this.#exchange = exchange;
    this.#url = url;
  }

  /**
   * Takes a connection and sends the request.
   *
   * @param write Makes the request of its id.
   */
  async ask(
    write: (id: string) => string,
    maxBytes: number,
  ): Promise<void> {
    const { signal } = this.#exchange;
    const channel = this.#channel = await this.#source.acquire(signal);
    // As long as nothing was sent: a request may turn out to be none.
    this.#reusable = true;
    const { callId } = channel;
    const id = this.#id = callId ?? crypto.randomUUID();
    const text = writeRequest(() => write(id));
    checkSize("The request", text, maxBytes);
    this.#reusable = false;
    // Also while the consumer holds a chunk: the agent is not to go on meanwhile.
    this.#unlisten = onAbort(signal, () => channel.close());
    await this.#watch(channel.send(text));
  }

  /** The next envelope that belongs to the call. */
  async next(): Promise<Envelope> {
    const text = await this.#watch(this.#received());
    if (text === undefined) {
      this.lost = true;
      throw new AgenkitError(
        "unavailable",
        `The connection to ${this.#url} was lost before the answer was complete`,
      );
    }
    const envelope = decodeAnswer(text, this.#url);
    checkId(envelope, this.#id, this.#url);
    this.#idKnown = envelope.id !== UNKNOWN_ID;
    return envelope;
  }

  /**
   * The answer is complete: the connection can carry another call. Not so after
   * an answer to what could not be read, since some peers close then.
   */
  end(): void {
    this.#reusable = this.#idKnown;
  }

  /** Gives the connection back. */
  release(): void {
    this.#unlisten?.();
    if (this.#channel !== undefined) this.#source.release(this.#channel, this.#reusable);
  }

  async #received(): Promise<string | undefined> {
    try {
      return await this.#channel!.receive();
    } catch (error) {
      // What the server has sent wrong is no argument of the caller's.
      throw codeOf(error) === "invalid_argument" ? unusable(this.#url, error) : error;
    }
  }

  async #watch<T>(promise: Promise<T>): Promise<T> {
    try {
      return await this.#exchange.wait(promise);
    } catch (error) {
      this.lost = !this.#exchange.aborted &&
        (!(error instanceof AgenkitError) || error.code === "unavailable");
      throw error;
    }
  }
}
