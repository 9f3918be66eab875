import type { Clock } from "../../core/clock.ts";
import { AgenkitError } from "../../core/errors.ts";
import { checkSize, tooLarge } from "../../protocol/limits.ts";
import { decodeUtf8 } from "../../protocol/utf8.ts";
import type { Channel } from "../channel/channel.ts";
import { CLOSE, lossOf } from "./close_codes.ts";

/** What a {@linkcode WebSocketChannel} needs of a socket to write to it. */
export interface WebSocketSink {
  /** Sends one message: text or binary. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Begins to close. */
  close(code: number, reason: string): void;
  /** How many bytes were given to `send` and have not left yet. */
  readonly bufferedAmount: number;
}

/** How a {@linkcode WebSocketChannel} behaves. */
export interface WebSocketChannelOptions {
  /** The most bytes of a message, in either direction. */
  readonly maxBytes: number;
  /** Whether text frames are sent. Old peers take only binary ones for sure. */
  readonly text: boolean;
  /** How many messages a second the peer may send; infinite for any number. */
  readonly maxMessagesPerSecond: number;
  /** Names the peer in errors. */
  readonly peer: string;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** How much may wait to leave before a send waits, in bytes. */
const HIGH_WATER_BYTES = 1 << 20;
/** How often a full buffer is looked at: sockets do not tell when it has drained. */
const POLL_MS = 5;
/**
 * After how many sends the event loop gets a turn: a stream whose chunks are
 * all there would else keep the news from coming in that its reader has left.
 */
const MAX_SENT_IN_TURN = 64;
/** How many messages may have come that nobody has taken. */
const MAX_UNREAD = 16_384;
/** How many bytes of them at least, beside two of the largest. */
const MIN_UNREAD_BYTES = 16 << 20;
/** The longest reason of a close, in bytes (RFC 6455, section 5.5). */
const MAX_REASON_BYTES = 123;

type Item = { readonly text: string; readonly size: number } | { readonly error: AgenkitError };

/**
 * A WebSocket as a channel: one envelope a message. It is fed by whoever has
 * the socket, since each runtime has its own way of telling what came.
 *
 * A WebSocket cannot be told to wait, so what comes unasked is held within
 * bounds; a peer that goes beyond them is cut off.
 */
export class WebSocketChannel implements Channel {
  readonly closed: Promise<void>;
  readonly #sink: WebSocketSink;
  readonly #options: WebSocketChannelOptions;
  readonly #maxUnreadBytes: number;
  readonly #gone = Promise.withResolvers<void>();
  readonly #encoder = new TextEncoder();
  #unread: Item[] = [];
  #unreadBytes = 0;
  #receiver: PromiseWithResolvers<string | undefined> | undefined;
  /** Set when it is over: what later sends and receives fail with, or nothing after a clean end. */
  #end: { readonly error?: AgenkitError } | undefined;
  /** Messages sent since the event loop has certainly had a turn. */
  #sentInTurn = 0;
  #windowStart = 0;
  #inWindow = 0;

  /** Makes a channel of a socket, whose owner has to tell what comes of it. */
  constructor(sink: WebSocketSink, options: WebSocketChannelOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#maxUnreadBytes = Math.max(MIN_UNREAD_BYTES, 2 * options.maxBytes);
    this.closed = this.#gone.promise;
  }

  get congested(): boolean {
    return this.#sink.bufferedAmount > HIGH_WATER_BYTES;
  }

  async send(text: string): Promise<void> {
    if (this.#end !== undefined) throw this.#lost();
    const { maxBytes } = this.#options;
    if (this.#options.text) {
      checkSize("The message", text, maxBytes);
      this.#write(text);
    } else {
      const bytes = this.#encoder.encode(text);
      if (bytes.byteLength > maxBytes) throw tooLarge("The message", maxBytes, bytes.byteLength);
      this.#write(bytes);
    }
    if (++this.#sentInTurn >= MAX_SENT_IN_TURN) await this.#nextTurn();
    while (this.congested && this.#end === undefined) {
      await this.#options.clock.sleep(POLL_MS);
    }
    if (this.#end !== undefined) throw this.#lost();
  }

  receive(): Promise<string | undefined> {
    const item = this.#unread.shift();
    if (item !== undefined) {
      if ("error" in item) return Promise.reject(item.error);
      this.#unreadBytes -= item.size;
      return Promise.resolve(item.text);
    }
    if (this.#end !== undefined) {
      const { error } = this.#end;
      return error === undefined ? Promise.resolve(undefined) : Promise.reject(error);
    }
    this.#receiver = Promise.withResolvers();
    return this.#receiver.promise;
  }

  close(code: number = CLOSE.normal, reason = ""): void {
    if (this.#end !== undefined) return;
    this.#unread = [];
    this.#finish(undefined);
    try {
      this.#sink.close(code, shortened(reason));
    } catch {
      // It was closed already, and the socket had no time to tell.
    }
  }

  /** To be called with each message that comes. */
  onMessage(data: string | ArrayBuffer | Uint8Array): void {
    this.#sentInTurn = 0;
    if (this.#end !== undefined) return;
    const { maxBytes, peer } = this.#options;
    if (this.#isFlood()) {
      const error = new AgenkitError("resource_exhausted", `${peer} sends too many messages`);
      return this.#refuse(error, CLOSE.policy);
    }
    const size = typeof data === "string" ? data.length : data.byteLength;
    if (size > maxBytes) return this.#refuse(tooLarge("The message", maxBytes, size), CLOSE.tooBig);
    if (typeof data === "string") {
      try {
        checkSize("The message", data, maxBytes);
      } catch (error) {
        return this.#refuse(error as AgenkitError, CLOSE.tooBig);
      }
      return this.#put({ text: data, size });
    }
    try {
      this.#put({ text: decodeUtf8(data), size });
    } catch {
      this.#put({
        error: new AgenkitError(
          "invalid_argument",
          "Cannot read the message: expected JSON in UTF-8, got bytes that are no UTF-8",
        ),
      });
    }
  }

  /** To be called when the socket has closed or broken. */
  onClose(code: number, reason: string): void {
    if (this.#end !== undefined) return;
    // What has come is still good; the end comes after it.
    this.#finish(lossOf(code, reason, this.#options.peer));
  }

  #write(data: string | Uint8Array<ArrayBuffer>): void {
    try {
      this.#sink.send(data);
    } catch (cause) {
      this.#finish(lossOf(CLOSE.abnormal, (cause as Error).message, this.#options.peer));
      throw this.#lost();
    }
  }

  #nextTurn(): Promise<void> {
    this.#sentInTurn = 0;
    return new Promise((resolve) => setTimeout(resolve, 0));
  }

  #put(item: Item): void {
    const receiver = this.#receiver;
    if (receiver !== undefined) {
      this.#receiver = undefined;
      if ("error" in item) receiver.reject(item.error);
      else receiver.resolve(item.text);
      return;
    }
    this.#unread.push(item);
    if ("size" in item) this.#unreadBytes += item.size;
    if (this.#unread.length > MAX_UNREAD || this.#unreadBytes > this.#maxUnreadBytes) {
      const error = new AgenkitError(
        "resource_exhausted",
        `${this.#options.peer} sends faster than it is read`,
      );
      this.#refuse(error, CLOSE.policy);
    }
  }

  /** Cuts off a peer that breaks the rules. */
  #refuse(error: AgenkitError, code: number): void {
    this.#unread = [];
    this.#finish(error);
    try {
      this.#sink.close(code, shortened(error.message));
    } catch {
      // Closed already.
    }
  }

  #finish(error: AgenkitError | undefined): void {
    this.#end = error === undefined ? {} : { error };
    const receiver = this.#receiver;
    this.#receiver = undefined;
    if (error === undefined) receiver?.resolve(undefined);
    else receiver?.reject(error);
    this.#gone.resolve();
  }

  /** Counts a message. The clock is read only at the first and after the last of a window. */
  #isFlood(): boolean {
    const { maxMessagesPerSecond, clock } = this.#options;
    if (maxMessagesPerSecond === Number.POSITIVE_INFINITY) return false;
    if (this.#inWindow === 0) this.#windowStart = clock.now();
    if (++this.#inWindow <= maxMessagesPerSecond) return false;
    const now = clock.now();
    if (now - this.#windowStart < 1000) return true;
    this.#windowStart = now;
    this.#inWindow = 1;
    return false;
  }

  #lost(): AgenkitError {
    const { peer } = this.#options;
    return this.#end?.error ??
      new AgenkitError("unavailable", `The connection to ${peer} is closed`);
  }
}

function shortened(reason: string): string {
  const bytes = new TextEncoder().encode(reason);
  if (bytes.byteLength <= MAX_REASON_BYTES) return reason;
  // A character cut in two becomes a replacement that is as long as three bytes.
  return new TextDecoder().decode(bytes.subarray(0, MAX_REASON_BYTES - 3)).replace(/\ufffd$/, "");
}
