import { abortable } from "../core/abortable.ts";
import { NOT_BEGUN } from "../core/begun.ts";
import { type CallOptions, earlier } from "../core/call.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { AgenkitError, TimeoutError } from "../core/errors.ts";
import { onAbort } from "../core/signals.ts";
import { unreachable } from "./connect_failure.ts";

/** One call of a remote agent on its way: its signal, its timer, and why it ended. */
export class Exchange {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #call: CallOptions;
  readonly #name: string;
  readonly #release: () => void;
  readonly #onTime = () => this.#abort(this.#late());
  #timer: Timer | undefined;
  #deadline: number | undefined;
  #timeoutMs = 0;
  /** Ends the wait at hand. Listening to the signal for each would cost more than the wait. */
  #giveUp: ((reason: unknown) => void) | undefined;

  /** @param name The agent's name, for the text of a timeout. */
  constructor(clock: Clock, call: CallOptions, name: string) {
    this.#clock = clock;
    this.#name = name;
    this.#call = call;
    const { signal } = call;
    this.#release = onAbort(signal, () => this.#abort(signal!.reason));
  }

  /** Aborts with the call's own signal, at its time limit, or by {@linkcode Exchange.end}. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the signal has aborted. */
  get aborted(): boolean {
    return this.#controller.signal.aborted;
  }

  /**
   * How many milliseconds the other side may take: for one answer until the
   * limit set last, for a stream what the call's deadline leaves for all of it.
   */
  timeLeft(method: "process" | "stream"): number | undefined {
    const deadline = method === "process" ? this.#deadline : this.#call.deadline;
    if (deadline === undefined || !Number.isFinite(deadline)) return undefined;
    return Math.max(0, deadline - this.#clock.now());
  }

  /** Gives what comes next so many milliseconds, or what the call's deadline leaves. */
  limit(ms: number): void {
    this.pause();
    const now = this.#clock.now();
    const own = Number.isFinite(ms) ? now + ms : undefined;
    this.#deadline = earlier(own, this.#call.deadline);
    // A deadline of Infinity is none.
    if (this.#deadline === undefined || !Number.isFinite(this.#deadline)) return;
    this.#timeoutMs = Math.max(0, this.#deadline - now);
    this.#timer = this.#clock.schedule(this.#deadline, this.#onTime);
  }

  /** Stops the time, while it is the consumer's. */
  pause(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Waits, but not beyond the signal, whatever the transport at hand makes of it. */
  wait<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#controller;
    // Hardly ever is there a second wait at the same time; it listens.
    if (this.#giveUp !== undefined || signal.aborted) return abortable(promise, signal);
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      promise.then(
        (value) => {
          this.#giveUp = undefined;
          resolve(value);
        },
        (error) => {
          this.#giveUp = undefined;
          reject(error);
        },
      );
    });
  }

  /** Lets go of the timer and the caller; `abort` ends whatever still hangs on the signal. */
  end(abort = false): void {
    this.pause();
    this.#release();
    if (abort && !this.aborted) {
      this.#abort(new DOMException("The consumer stopped reading", "AbortError"));
    }
  }

  /** What to throw: the reason of an abort as it is; what the network failed with as `unavailable`. */
  errorOf(error: unknown, url: string): unknown {
    if (this.aborted) return this.#controller.signal.reason;
    if (error instanceof AgenkitError) return error;
    return unreachable(url, whole(error), error);
  }

  #abort(reason: unknown): void {
    this.#controller.abort(reason);
    this.#giveUp?.(this.#controller.signal.reason);
  }

  #late(): TimeoutError {
    const timeoutMs = this.#timeoutMs;
    return new TimeoutError(`'${this.#name}' did not answer within ${Math.round(timeoutMs)} ms`, {
      timeoutMs,
    });
  }
}

/**
 * Writes a request.
 *
 * @throws {AgenkitError} `invalid_argument`, if the message is none: that is no failure of the network.
 */
export function writeRequest(write: () => string): string {
  try {
    return write();
  } catch (cause) {
    throw new AgenkitError("invalid_argument", (cause as Error).message, {
      cause,
      details: NOT_BEGUN,
    });
  }
}

/** What an error says, with its causes: Node's fetch only says that it failed. */
function whole(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${whole(error.cause)}` : error.message;
}
