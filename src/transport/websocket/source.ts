import { abortable } from "../../core/abortable.ts";
import { NOT_BEGUN } from "../../core/begun.ts";
import { AgenkitError } from "../../core/errors.ts";
import { onAbort } from "../../core/signals.ts";
import type { CallChannel, Channel, ChannelSource } from "../channel/channel.ts";
import type { SourceSetup } from "../channel/client.ts";
import { ChannelPool, closedError, queueFullError } from "../channel/pool.ts";
import type { Connect } from "../channel/reconnect.ts";
import { BatchedChannel } from "./batch.ts";
import type { Dialled, Dialler } from "./dial.ts";
import { encodeControl } from "./mux.ts";
import { MuxCall } from "./mux_call.ts";
import { ShortMessages } from "./short_messages.ts";
import { MuxSession, type MuxSessionLimits } from "./mux_session.ts";

/** What a {@linkcode WebSocketSource} is held to, beside what its setup says. */
export interface WebSocketLimits extends Omit<MuxSessionLimits, "idleMs"> {
  /** How many calls one connection carries at once, if it carries several. */
  readonly maxCallsPerConnection: number;
  /** The most bytes of a message. */
  readonly maxBytes: number;
}

/**
 * Gives calls their connections: one that all share where the server speaks
 * our subprotocol, else a pool of those that carry one call at a time.
 */
export class WebSocketSource implements ChannelSource {
  readonly #dial: Connect<Dialled>;
  readonly #setup: SourceSetup;
  readonly #limits: WebSocketLimits;
  readonly #pool: ChannelPool;
  readonly #closing = new AbortController();
  /** Who waits for a call to end: each is given the next one, or nothing if it has to look again. */
  readonly #waiting = new Set<(call: MuxCall | undefined) => void>();
  #session: MuxSession | undefined;
  /** Whether the server is known to take one call a connection. */
  #plain = false;
  #connecting: Promise<void> | undefined;

  constructor(dialler: Dialler, setup: SourceSetup, limits: WebSocketLimits) {
    this.#dial = setup.retrying((signal) => dialler.dial(signal));
    this.#setup = setup;
    this.#limits = limits;
    this.#pool = new ChannelPool((signal) => this.#connectPlain(signal), setup.limits, setup.clock);
  }

  get size(): number {
    const shared = this.#session?.usable || this.#connecting !== undefined ? 1 : 0;
    return this.#pool.size + shared;
  }

  async acquire(signal: AbortSignal): Promise<CallChannel> {
    for (;;) {
      if (this.#closing.signal.aborted) throw closedError();
      if (this.#plain) return this.#pool.acquire(signal);
      const session = this.#session;
      if (session === undefined || !session.usable) {
        await abortable(this.#connecting ??= this.#connect(), signal);
        if (!this.#plain && !this.#session?.usable) throw this.#closedAtOnce();
      } else if (this.#hasRoom(session)) return session.open();
      else {
        const call = await this.#wait(signal);
        if (call !== undefined) return call;
      }
    }
  }

  release(channel: CallChannel, reusable: boolean): void {
    if (channel instanceof MuxCall) channel.close();
    else this.#pool.release(channel, reusable);
  }

  close(): void {
    this.#closing.abort(closedError());
    this.#session?.close();
    this.#pool.close();
    this.#wakeNext();
  }

  /** Finds out what the server can, for all that wait; none of them can end it for the others. */
  async #connect(): Promise<void> {
    try {
      const dialled = await this.#dial(this.#closing.signal);
      if (dialled.multiplexed) this.#adopt(dialled.channel);
      else {
        this.#plain = true;
        this.#pool.add(dialled.channel);
      }
    } finally {
      this.#connecting = undefined;
    }
  }

  async #connectPlain(signal: AbortSignal): Promise<Channel> {
    const { channel, multiplexed } = await this.#dial(signal);
    if (!multiplexed) return channel;
    // The server has learnt our subprotocol meanwhile.
    this.#plain = false;
    this.#adopt(channel);
    return this.#session!.open();
  }

  #adopt(channel: Channel): void {
    const { limits: { idleMs }, clock } = this.#setup;
    const { keepAliveMs, keepAliveTimeoutMs } = this.#limits;
    this.#session = new MuxSession(
      new BatchedChannel(forRuntime(channel), this.#limits.maxBytes),
      { idleMs, keepAliveMs, keepAliveTimeoutMs },
      clock,
      () => this.#wakeNext(),
    );
  }

  #hasRoom(session: MuxSession): boolean {
    return session.size < this.#limits.maxCallsPerConnection;
  }

  #wakeNext(): void {
    for (const give of this.#waiting) {
      const session = this.#session;
      if (session?.usable && !this.#hasRoom(session)) return;
      give(session?.usable ? session.open() : undefined);
    }
  }

  /** Waits in turn for a call to end. */
  #wait(signal: AbortSignal): Promise<MuxCall | undefined> {
    const { maxQueue } = this.#setup.limits;
    if (this.#waiting.size >= maxQueue) {
      return Promise.reject(queueFullError(this.#limits.maxCallsPerConnection, maxQueue));
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(give);
        unlisten();
      };
      const give = (call: MuxCall | undefined) => {
        leave();
        resolve(call);
      };
      this.#waiting.add(give);
      const unlisten = onAbort(signal, () => {
        leave();
        reject(signal.reason);
      });
    });
  }

  #closedAtOnce(): AgenkitError {
    return new AgenkitError("unavailable", "The server closed the connection at once", {
      details: NOT_BEGUN,
    });
  }
}

/** Deno is the one runtime whose client has to be helped. */
function forRuntime(channel: Channel): Channel {
  return globalThis.navigator?.userAgent?.startsWith("Deno/")
    ? new ShortMessages(channel, encodeControl(["ping"]))
    : channel;
}
