/**
 * Two ends of a channel without a network, for tests of whoever holds one.
 *
 * @module
 */
import { AgenkitError } from "../../../../mod.ts";
import type { Channel } from "../../../../src/transport/channel/channel.ts";

/** One end of a pair, with what a test may want to see or break. */
export interface TestChannel extends Channel {
  /** How many envelopes wait at this end to be received. */
  readonly waiting: number;
  /** What this end was closed with: by itself, with code and reason. */
  readonly closedWith: readonly [number | undefined, string | undefined] | undefined;
  /** Whether somebody waits in `receive` here. */
  readonly receiving: boolean;
  /** Makes `receive` reject once with an error, as for a frame that cannot be. */
  fail(error: AgenkitError): void;
  /** Loses the connection on both ends, without a farewell. */
  vanish(): void;
}

/** Options of {@linkcode channelPair}. */
export interface PairOptions {
  /** How many envelopes may wait at an end before sends to it do. @default {Infinity} */
  readonly capacity?: number;
}

/** Makes two ends; what is sent at one is received at the other. */
export function channelPair(options: PairOptions = {}): [TestChannel, TestChannel] {
  const { capacity = Number.POSITIVE_INFINITY } = options;
  const a = new End(capacity);
  const b = new End(capacity);
  a.peer = b;
  b.peer = a;
  return [a, b];
}

type Item = { readonly text: string } | { readonly error: AgenkitError };

class End implements TestChannel {
  peer!: End;
  closedWith: readonly [number | undefined, string | undefined] | undefined;
  readonly closed: Promise<void>;
  readonly #capacity: number;
  readonly #items: Item[] = [];
  readonly #blocked: (() => void)[] = [];
  readonly #gone = Promise.withResolvers<void>();
  #receiver: PromiseWithResolvers<string | undefined> | undefined;
  /** How this end ended: by a farewell of the peer (`true`) or broken. */
  #end: "clean" | "broken" | undefined;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.closed = this.#gone.promise;
  }

  get waiting(): number {
    return this.#items.length;
  }

  get receiving(): boolean {
    return this.#receiver !== undefined;
  }

  async send(text: string): Promise<void> {
    if (this.#end !== undefined) throw gone();
    this.peer.#put({ text });
    while (this.peer.#items.length > this.#capacity && this.#end === undefined) {
      await new Promise<void>((resolve) => this.peer.#blocked.push(resolve));
    }
    if (this.#end === "broken") throw gone();
  }

  receive(): Promise<string | undefined> {
    if (this.#receiver !== undefined) throw new Error("receive() was called while one waits");
    const item = this.#items.shift();
    if (item !== undefined) {
      for (const resolve of this.#blocked.splice(0)) resolve();
      return "text" in item ? Promise.resolve(item.text) : Promise.reject(item.error);
    }
    if (this.#end === "clean") return Promise.resolve(undefined);
    if (this.#end === "broken") return Promise.reject(gone());
    this.#receiver = Promise.withResolvers();
    return this.#receiver.promise;
  }

  close(code?: number, reason?: string): void {
    if (this.#end !== undefined) return;
    this.closedWith = [code, reason];
    this.#items.length = 0;
    this.#finish("broken");
    this.peer.#finish("clean");
  }

  fail(error: AgenkitError): void {
    this.#put({ error });
  }

  vanish(): void {
    this.#finish("broken");
    this.peer.#finish("broken");
  }

  #put(item: Item): void {
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (receiver === undefined) this.#items.push(item);
    else if ("text" in item) receiver.resolve(item.text);
    else receiver.reject(item.error);
  }

  #finish(how: "clean" | "broken"): void {
    if (this.#end !== undefined) return;
    this.#end = how;
    if (how === "broken") this.#items.length = 0;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (how === "clean") receiver?.resolve(undefined);
    else receiver?.reject(gone());
    for (const resolve of [...this.#blocked, ...this.peer.#blocked]) resolve();
    this.#gone.resolve();
  }
}

function gone(): AgenkitError {
  return new AgenkitError("unavailable", "The connection is closed");
}
