import type { Clock, Timer } from "../../core/clock.ts";
import type { AgenkitError } from "../../core/errors.ts";
import { toAgenkitError } from "../../protocol/wire_error.ts";
import type { MuxChannel } from "./batch.ts";
import { CLOSE } from "./close_codes.ts";
import { decodeControl, encodeControl, headOf } from "./mux.ts";
import { MuxCall } from "./mux_call.ts";

/** How long a {@linkcode MuxSession} lives. */
export interface MuxSessionLimits {
  /** How long it may be without a call, in milliseconds. */
  readonly idleMs: number;
  /** How long it may be silent before the server is asked for a sign of life, in milliseconds. */
  readonly keepAliveMs: number;
  /** How long that sign may take, in milliseconds. */
  readonly keepAliveTimeoutMs: number;
}

/** Envelopes that none comes after. */
const LAST: ReadonlySet<string> = new Set(["response", "stream_end", "error"]);

/**
 * The client's side of one connection that carries many calls.
 *
 * The server is asked for a sign of life when the connection is idle, and when
 * a caller has given up. If none comes the connection takes no new calls, and
 * goes with the last one that runs: none is cut short, since the server may
 * just be busy and each call has its own time.
 */
export class MuxSession {
  readonly #channel: MuxChannel;
  readonly #limits: MuxSessionLimits;
  readonly #clock: Clock;
  readonly #onSpace: () => void;
  readonly #calls = new Map<string, MuxCall>();
  #nextId = 1;
  #received = 0;
  #usable = true;
  /** When the last call has ended. */
  #idleSince: number;
  /** Whether something has come since the timer was set. */
  #heard = false;
  #pinged = false;
  #timer: Timer | undefined;

  /** @param onSpace Told when a call has ended, or all have. */
  constructor(channel: MuxChannel, limits: MuxSessionLimits, clock: Clock, onSpace: () => void) {
    this.#channel = channel;
    this.#limits = limits;
    this.#clock = clock;
    this.#onSpace = onSpace;
    this.#idleSince = clock.now();
    this.#watch(Math.min(limits.keepAliveMs, limits.idleMs));
    void this.#read();
  }

  /** Whether it takes new calls. */
  get usable(): boolean {
    return this.#usable;
  }

  /** How many calls run. */
  get size(): number {
    return this.#calls.size;
  }

  /** How many envelopes have come. */
  get received(): number {
    return this.#received;
  }

  /** Begins a call. */
  open(): MuxCall {
    const call = new MuxCall(this, `${this.#nextId++}`);
    this.#calls.set(call.callId, call);
    return call;
  }

  /** Sends whatever a call has to say. */
  send(text: string): Promise<void> {
    return this.#channel.send(text, this.#calls.size <= 1);
  }

  /**
   * Lets a call go.
   *
   * @param cancel Whether its answer is not complete.
   */
  forget(call: MuxCall, cancel: boolean): void {
    if (!this.#calls.delete(call.callId)) return;
    if (cancel) {
      this.send(encodeControl(["cancel", call.callId])).catch(() => {});
      // Who waited while nothing came at all may have waited for somebody who is gone.
      if (call.heardAt === this.#received) this.#ping();
    }
    this.#idleSince = this.#clock.now();
    if (!this.#usable && this.#calls.size === 0) this.#channel.close(CLOSE.normal);
    this.#onSpace();
  }

  /** Closes the connection; calls that run fail. */
  close(): void {
    this.#end(undefined);
    this.#channel.close(CLOSE.normal);
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const text = await this.#channel.receive();
        if (text === undefined) break;
        this.#heard = true;
        this.#handle(text);
      }
      this.#end(undefined);
    } catch (error) {
      this.#end(toAgenkitError(error));
      this.#channel.close(CLOSE.policy, (error as Error).message);
    }
  }

  #handle(text: string): void {
    if (decodeControl(text) !== undefined) return;
    this.#received++;
    const head = headOf(text);
    const call = head === undefined ? undefined : this.#calls.get(head.id);
    // One that was cancelled may have been answered at the same time.
    call?.deliver(text, LAST.has(head!.type));
  }

  #end(error: AgenkitError | undefined): void {
    this.#usable = false;
    this.#timer?.cancel();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.end(error);
    this.#onSpace();
  }

  #ping(): void {
    if (this.#pinged || !this.#usable) return;
    this.#pinged = true;
    this.#heard = false;
    this.send(encodeControl(["ping"])).catch(() => {});
    this.#watch(this.#limits.keepAliveTimeoutMs);
  }

  #watch(ms: number): void {
    this.#timer?.cancel();
    this.#timer = Number.isFinite(ms)
      ? this.#clock.schedule(this.#clock.now() + ms, () => this.#look())
      : undefined;
  }

  #look(): void {
    const { idleMs, keepAliveMs } = this.#limits;
    const isIdle = this.#calls.size === 0;
    const idleLeft = this.#idleSince + idleMs - this.#clock.now();
    if (isIdle && idleLeft <= 0) return this.close();
    if (this.#pinged && !this.#heard) return this.#retire();
    const asks = isIdle && !this.#heard;
    this.#pinged = this.#heard = false;
    if (asks) return this.#ping();
    // The server has to know that somebody is there who waits, or takes his time.
    if (!isIdle) this.send(encodeControl(["ping"])).catch(() => {});
    this.#watch(isIdle ? Math.min(keepAliveMs, idleLeft) : keepAliveMs);
  }

  /** Takes no more calls; goes when the last one has. */
  #retire(): void {
    this.#usable = false;
    this.#timer = undefined;
    if (this.#calls.size === 0) this.close();
  }
}
