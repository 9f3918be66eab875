import { abortable } from "../../core/abortable.ts";
import type { Clock, Timer } from "../../core/clock.ts";
import { NOT_BEGUN } from "../../core/begun.ts";
import { AgenkitError } from "../../core/errors.ts";
import { onAbort } from "../../core/signals.ts";
import type { Channel, ChannelSource } from "./channel.ts";
import type { Connect } from "./reconnect.ts";

/** What a {@linkcode ChannelPool} is held to. */
export interface PoolLimits {
  /** How many connections there may be at once. */
  readonly maxConnections: number;
  /** How many calls may wait for one. */
  readonly maxQueue: number;
  /** How long a connection may be idle before it is closed, in milliseconds. */
  readonly idleMs: number;
}

interface Idle {
  readonly channel: Channel;
  readonly since: number;
}

interface Waiter {
  readonly take: (channel: Channel) => void;
  readonly fail: (error: unknown) => void;
  /** Makes a connection of the waiter's own, since there is room for one. */
  readonly connect: () => void;
}

/**
 * Connections that carry one call at a time. They are made when needed, used
 * again (the one used last first, so that the others can end), and closed when
 * nobody needs them. Who comes when all are busy waits in turn.
 */
export class ChannelPool implements ChannelSource {
  readonly #connect: Connect<Channel>;
  readonly #limits: PoolLimits;
  readonly #clock: Clock;
  /** The one used last is at the end. */
  readonly #idle: Idle[] = [];
  readonly #leased = new Set<Channel>();
  readonly #waiting = new Set<Waiter>();
  /** Connections that are made at the moment. */
  #connecting = 0;
  #sweep: Timer | undefined;
  #closed = false;

  /** @param connect Makes a connection. */
  constructor(connect: Connect<Channel>, limits: PoolLimits, clock: Clock) {
    this.#connect = connect;
    this.#limits = limits;
    this.#clock = clock;
  }

  get size(): number {
    return this.#idle.length + this.#leased.size + this.#connecting;
  }

  /**
   * A connection for one call. It has to be given back by {@linkcode ChannelPool.release}.
   *
   * Whoever awaits it gets the connection even if the signal aborts in that very moment.
   *
   * @param signal Ends the wait.
   * @throws {AgenkitError} `resource_exhausted` if too many wait, `failed_precondition` after `close`.
   */
  acquire(signal: AbortSignal): Promise<Channel> {
    if (this.#closed) return Promise.reject(closedError());
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      this.#leased.add(idle.channel);
      return Promise.resolve(idle.channel);
    }
    if (this.size < this.#limits.maxConnections) return this.#open(signal);
    if (this.#waiting.size >= this.#limits.maxQueue) {
      return Promise.reject(queueFullError(this.#limits.maxConnections, this.#limits.maxQueue));
    }
    return this.#wait(signal);
  }

  /** Takes over a connection that was made elsewhere, for the next call. */
  add(channel: Channel): void {
    if (this.#closed) return channel.close();
    channel.closed.then(() => this.#forget(channel));
    this.#leased.add(channel);
    this.release(channel, true);
  }

  /**
   * Gives a connection back. One whose call did not end as it should is closed:
   * a late answer would be taken for the next call's.
   */
  release(channel: Channel, reusable: boolean): void {
    // One that was lost, or is of before `close`, is not known any more.
    const known = this.#leased.delete(channel);
    if (!reusable || !known) channel.close(1000);
    if (!known) return;
    const [next] = this.#waiting;
    if (!reusable) next?.connect();
    else if (next !== undefined) {
      this.#leased.add(channel);
      next.take(channel);
    } else {
      this.#idle.push({ channel, since: this.#clock.now() });
      this.#scheduleSweep();
    }
  }

  close(): void {
    this.#closed = true;
    this.#sweep?.cancel();
    for (const waiter of this.#waiting) waiter.fail(closedError());
    const channels = [...this.#idle.splice(0).map(({ channel }) => channel), ...this.#leased];
    this.#leased.clear();
    for (const channel of channels) channel.close(1000);
  }

  async #open(signal: AbortSignal): Promise<Channel> {
    this.#connecting++;
    const connecting = this.#connect(signal);
    let channel: Channel;
    try {
      channel = await abortable(connecting, signal);
    } catch (error) {
      this.#connecting--;
      this.#giveRoom();
      // What comes of it all the same has nobody who closes it.
      connecting.then((late) => late.close(1000), () => {});
      throw error;
    }
    this.#connecting--;
    if (this.#closed) {
      channel.close(1000);
      throw closedError();
    }
    this.#leased.add(channel);
    channel.closed.then(() => this.#forget(channel));
    return channel;
  }

  #wait(signal: AbortSignal): Promise<Channel> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiter);
        unlisten();
      };
      const waiter: Waiter = {
        take(channel) {
          leave();
          resolve(channel);
        },
        fail(error) {
          leave();
          reject(error);
        },
        connect: () => {
          leave();
          this.#open(signal).then(resolve, reject);
        },
      };
      this.#waiting.add(waiter);
      const unlisten = onAbort(signal, () => waiter.fail(signal.reason));
    });
  }

  /** Lets the next in turn make a connection, if there is room. */
  #giveRoom(): void {
    const [next] = this.#waiting;
    if (next !== undefined && this.size < this.#limits.maxConnections) next.connect();
  }

  #forget(channel: Channel): void {
    // In use, its call will find out by itself.
    this.#leased.delete(channel);
    const index = this.#idle.findIndex((idle) => idle.channel === channel);
    if (index >= 0) this.#idle.splice(index, 1);
    if (this.#idle.length === 0) this.#stopSweep();
    this.#giveRoom();
  }

  #stopSweep(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  /** One timer for all: it runs when the one that is idle longest may be due. */
  #scheduleSweep(): void {
    const { idleMs } = this.#limits;
    if (this.#sweep !== undefined || !Number.isFinite(idleMs)) return;
    this.#sweep = this.#clock.schedule(this.#idle[0]!.since + idleMs, () => {
      this.#sweep = undefined;
      const due = this.#clock.now() - idleMs;
      // Those used last are at the end: all that are due stand in front.
      const fresh = this.#idle.findIndex(({ since }) => since > due);
      const old = this.#idle.splice(0, fresh < 0 ? this.#idle.length : fresh);
      for (const { channel } of old) channel.close(1000);
      if (this.#idle.length > 0) this.#scheduleSweep();
    });
  }
}

/** The error of calls after `close`. */
export function closedError(): AgenkitError {
  return new AgenkitError("failed_precondition", "The agent's connections were closed", {
    details: NOT_BEGUN,
  });
}

/** The error of a call that finds the queue full. */
export function queueFullError(running: number, maxQueue: number): AgenkitError {
  return new AgenkitError(
    "resource_exhausted",
    `Too many calls wait for a connection: expected at most ${maxQueue} beside ${running} that run`,
    { details: NOT_BEGUN },
  );
}
