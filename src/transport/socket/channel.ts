import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Clock, Timer } from "../../core/clock.ts";
import { AgenkitError } from "../../core/errors.ts";
import { FrameReader, writeFrame } from "../../protocol/frame.ts";
import type { Channel } from "../channel/channel.ts";

/** What a {@linkcode SocketChannel} is held to. */
export interface SocketChannelOptions {
  /** The most bytes of an envelope, either way. */
  readonly maxBytes: number;
  /** How long a frame may take from its first byte to its last, in milliseconds. */
  readonly frameTimeoutMs: number;
  /**
   * How long, after `close`, what was sent may take to reach the peer, in
   * milliseconds; 0 cuts the connection at once.
   */
  readonly lingerMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** Before how much silence the system asks whether the peer is still there, in milliseconds. */
const KEEP_ALIVE_MS = 30_000;
/**
 * How many envelopes are sent before the event loop gets its turn, if none has
 * come meanwhile. The system takes megabytes at once: a fast agent would keep
 * everybody else waiting, its own client included.
 */
const MAX_SENT_IN_TURN = 32;
const SENT: Promise<void> = Promise.resolve();

/** Envelopes over a connected TCP, TLS or Unix socket, each in a frame. */
export class SocketChannel implements Channel {
  /** Resolves when the peer has left or the socket is closed, whatever comes first. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #options: SocketChannelOptions;
  readonly #reader: FrameReader;
  readonly #gone = Promise.withResolvers<void>();
  #receiver: PromiseWithResolvers<string | undefined> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  #frameTimer: Timer | undefined;
  #paused = false;
  /** How many envelopes were sent since the event loop certainly had its turn. */
  #sentInTurn = 0;
  /** Whether the peer has said that it sends nothing more. */
  #ended = false;
  /** Why nothing can be sent any more. */
  #failure: AgenkitError | undefined;
  /** Whether it was closed from here: what still comes is not wanted. */
  #dropped = false;

  /** Takes a socket over, which must be connected. */
  constructor(socket: Socket, options: SocketChannelOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new FrameReader(options.maxBytes);
    // An envelope is not to wait for another one to share a packet with.
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("drain", this.#onDrain);
    socket.on("error", (cause) => this.#fail(`The connection broke: ${cause.message}`, cause));
    socket.once("close", this.#onClose);
    this.closed = this.#gone.promise;
  }

  /** Whether a frame has begun that has not ended; how long that may take is limited. */
  get isReceiving(): boolean {
    return this.#frameTimer !== undefined;
  }

  /** Sends one envelope. */
  send(text: string): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (!this.#socket.writable) return Promise.reject(gone("The peer has left"));
    let frame: Uint8Array;
    try {
      frame = writeFrame(text, this.#options.maxBytes);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#socket.write(frame)) {
      return ++this.#sentInTurn < MAX_SENT_IN_TURN ? SENT : this.#nextTurn();
    }
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** The next envelope. */
  receive(): Promise<string | undefined> {
    if (this.#receiver !== undefined) {
      throw new TypeError("Cannot receive: the call before has not settled");
    }
    const receiver = this.#receiver = Promise.withResolvers();
    this.#deliver();
    if (this.#receiver !== undefined && this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
    return receiver.promise;
  }

  /** Closes; what was sent before may still arrive, unless `lingerMs` is 0. */
  close(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#fail("The connection was closed");
    const socket = this.#socket;
    const { lingerMs, clock } = this.#options;
    if (lingerMs === 0) return void socket.destroy();
    // Closing with bytes unread makes the system reset the connection, which
    // could take away from the peer what was sent last: they are read and dropped.
    socket.end();
    socket.resume();
    const timer = clock.schedule(clock.now() + lingerMs, () => socket.destroy());
    socket.once("close", () => timer.cancel());
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#dropped) return;
    this.#sentInTurn = 0;
    this.#reader.push(chunk);
    if (this.#receiver !== undefined) return this.#deliver();
    this.#paused = true;
    this.#socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#gone.resolve();
    if (this.#receiver !== undefined) this.#deliver();
  };

  readonly #onClose = (): void => {
    this.#fail("The connection was closed");
    this.#gone.resolve();
  };

  readonly #onDrain = (): void => {
    this.#drained?.resolve();
    this.#drained = undefined;
  };

  /** Settles the receiver, if that can be done by now. What came before a failure still counts. */
  #deliver(): void {
    const receiver = this.#receiver!;
    let text: string | undefined;
    try {
      text = this.#dropped ? undefined : this.#reader.next();
    } catch (error) {
      this.#settle();
      return receiver.reject(error);
    }
    const ended = this.#ended && !this.#dropped;
    if (text === undefined && !ended && this.#failure === undefined) return this.#watchFrame();
    this.#settle();
    if (text !== undefined) receiver.resolve(text);
    else if (!ended) receiver.reject(this.#failure);
    else if (!this.#reader.isPartial) receiver.resolve(undefined);
    else receiver.reject(gone("The peer left in the middle of a frame"));
  }

  #settle(): void {
    this.#receiver = undefined;
    this.#frameTimer?.cancel();
    this.#frameTimer = undefined;
  }

  /** A frame that has begun has to end in time, however steadily its bytes drip. */
  #watchFrame(): void {
    const { frameTimeoutMs, clock } = this.#options;
    if (this.#frameTimer !== undefined || !this.#reader.isPartial) return;
    if (!Number.isFinite(frameTimeoutMs)) return;
    this.#frameTimer = clock.schedule(clock.now() + frameTimeoutMs, () => {
      this.#fail(`A frame of the peer did not end within ${frameTimeoutMs} ms`);
      this.#socket.destroy();
    });
  }

  #nextTurn(): Promise<void> {
    this.#sentInTurn = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  #fail(message: string, cause?: unknown): void {
    this.#failure ??= gone(message, cause);
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.reject(this.#failure);
    if (this.#receiver !== undefined) this.#deliver();
  }
}

function gone(message: string, cause?: unknown): AgenkitError {
  return new AgenkitError("unavailable", message, { cause });
}
