import { codeOf } from "../../core/errors.ts";
import type { Channel } from "./channel.ts";

/** How much an {@linkcode Inbox} holds before it stops reading. */
export interface InboxLimits {
  /** How many envelopes. */
  readonly maxQueued: number;
  /** How many characters together. */
  readonly maxLength: number;
}

/**
 * What a peer has sent and nobody has taken yet. It keeps reading while an
 * agent works, since only reading tells that the peer has left; but not
 * without bound: a peer that sends much without waiting is slowed down.
 */
export class Inbox {
  readonly #channel: Channel;
  readonly #limits: InboxLimits;
  readonly #onLeave: () => void;
  #queue: string[] = [];
  #length = 0;
  #reading = false;
  #waiter: PromiseWithResolvers<string | undefined> | undefined;
  /** How the connection ended; `error` for what the peer sent wrong. */
  #end: { readonly error?: unknown } | undefined;

  /** @param onLeave Told once, when the peer has gone and nothing it asked for is wanted any more. */
  constructor(channel: Channel, limits: InboxLimits, onLeave: () => void) {
    this.#channel = channel;
    this.#limits = limits;
    this.#onLeave = onLeave;
    void channel.closed.then(() => this.#leave());
    this.#read();
  }

  /** Whether something waits to be taken. */
  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /**
   * Takes the next envelope; `undefined` when the peer has left.
   *
   * @throws What the channel did, if the peer has sent what cannot be an envelope.
   */
  next(): Promise<string | undefined> {
    const text = this.#queue.shift();
    if (text !== undefined) {
      this.#length -= text.length;
      this.#read();
      return Promise.resolve(text);
    }
    if (this.#end !== undefined) {
      return "error" in this.#end ? Promise.reject(this.#end.error) : Promise.resolve(undefined);
    }
    this.#waiter = Promise.withResolvers();
    return this.#waiter.promise;
  }

  #read(): void {
    if (this.#reading || this.#end !== undefined) return;
    if (this.#queue.length >= this.#limits.maxQueued) return;
    if (this.#length >= this.#limits.maxLength) return;
    this.#reading = true;
    this.#channel.receive().then(this.#onText, this.#onFailure);
  }

  readonly #onText = (text: string | undefined): void => {
    this.#reading = false;
    if (this.#end !== undefined) return;
    if (text === undefined) return this.#leave();
    const waiter = this.#waiter;
    if (waiter === undefined) {
      this.#queue.push(text);
      this.#length += text.length;
    } else {
      this.#waiter = undefined;
      waiter.resolve(text);
    }
    this.#read();
  };

  readonly #onFailure = (error: unknown): void => {
    this.#reading = false;
    if (this.#end !== undefined) return;
    const code = codeOf(error);
    if (code !== "invalid_argument" && code !== "resource_exhausted") return this.#leave();
    // The peer is still there: what it asked for before is answered first.
    this.#end = { error };
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  };

  #leave(): void {
    if (this.#end !== undefined && !("error" in this.#end)) return;
    this.#end = {};
    this.#queue = [];
    this.#length = 0;
    this.#waiter?.resolve(undefined);
    this.#waiter = undefined;
    this.#onLeave();
  }
}
