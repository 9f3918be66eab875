import { type Agent, streamOf } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { ContextValues } from "../core/context.ts";
import { TimeoutError } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import { LinkedSignal, onAbort, type SignalSource } from "../core/signals.ts";

/** How a server lets an agent run. */
export interface RunOptions {
  /**
   * Aborts when the client leaves. One that is made only when asked for (a
   * function) is for the agent alone; any other also ends the wait for it.
   */
  readonly signal?: SignalSource | undefined;
  /** How long the agent may take, in milliseconds; infinite for as long as it likes. */
  readonly timeoutMs: number;
  /** What travels with the call. */
  readonly values?: ContextValues | undefined;
  /** Where time comes from. */
  readonly clock: Clock;
  /** Holds what ends the wait for an agent, for as long as that runs. */
  readonly running?: Set<(reason: unknown) => void> | undefined;
}

/**
 * Lets an agent answer within its time. An agent that ignores its signal is
 * not waited for, and what it says later is dropped.
 */
export function runProcess(agent: Agent, message: Message, options: RunOptions): Promise<Message> {
  const { timeoutMs, signal } = options;
  const link = new LinkedSignal(signal);
  // Whoever has left before the agent began must not start it, nor its timer.
  if (link.aborted) return Promise.reject(link.reason);
  const deadline = deadlineOf(options);
  return new Promise((resolve, reject) => {
    const stop = (error: unknown) => {
      finish();
      reject(error);
      link.abort(error);
    };
    const timer = deadline === undefined
      ? undefined
      : options.clock.schedule(deadline, () => stop(timedOut(agent, timeoutMs)));
    const unwatch = watch(signal, stop);
    options.running?.add(stop);
    const finish = () => {
      timer?.cancel();
      unwatch();
      link.release();
      options.running?.delete(stop);
    };
    attempt(() => agent.process(message, link.options(options as CallOptions, deadline))).then(
      (answer) => {
        finish();
        resolve(answer);
      },
      (error) => {
        finish();
        reject(error);
      },
    );
  });
}

/**
 * Lets an agent stream within its time, chunk by chunk as they are asked for.
 * It can be stopped at any moment, also while a chunk is waited for.
 */
export class StreamRun {
  readonly #link: LinkedSignal;
  readonly #iterator: AsyncIterator<Message>;
  readonly #timer: Timer | undefined;
  readonly #unwatch: () => void;
  #failure: { readonly error: unknown } | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #onStop: (() => void) | undefined;

  /**
   * Starts the stream.
   *
   * @throws {AgenkitError} With code `unimplemented`, if the agent does not stream.
   * @throws The signal's reason, if it has aborted already.
   */
  constructor(agent: Agent, message: Message, options: RunOptions) {
    const deadline = deadlineOf(options);
    this.#link = new LinkedSignal(options.signal);
    if (this.#link.aborted) throw this.#link.reason;
    const call = this.#link.options(options as CallOptions, deadline);
    this.#iterator = streamOf(agent, message, call)[Symbol.asyncIterator]();
    this.#timer = deadline === undefined
      ? undefined
      : options.clock.schedule(deadline, () => this.stop(timedOut(agent, options.timeoutMs)));
    this.#unwatch = watch(options.signal, (reason) => this.stop(reason));
  }

  /** The next chunk; rejects at once when the run is stopped. */
  async next(): Promise<IteratorResult<Message>> {
    if (this.#failure) throw this.#failure.error;
    try {
      const result = await new Promise<IteratorResult<Message>>((resolve, reject) => {
        this.#reject = reject;
        attempt(() => this.#iterator.next()).then(resolve, reject);
      });
      if (result.done) this.#finish();
      return result;
    } catch (error) {
      this.#finish();
      throw error;
    }
  }

  /** Sets what runs when the run is stopped, for whoever waits for something else than a chunk. */
  onStop(callback: () => void): void {
    this.#onStop = callback;
  }

  /** Ends the run: aborts the agent's signal and closes its stream, without waiting for it. */
  stop(reason: unknown): void {
    if (this.#failure) return;
    this.#failure = { error: reason };
    this.#finish();
    this.#link.abort(reason);
    this.#reject?.(reason);
    this.#onStop?.();
    attempt(async () => await this.#iterator.return?.()).catch(() => {});
  }

  #finish(): void {
    this.#timer?.cancel();
    this.#unwatch();
    this.#link.release();
  }
}

function deadlineOf({ clock, timeoutMs }: RunOptions): number | undefined {
  return Number.isFinite(timeoutMs) ? clock.now() + timeoutMs : undefined;
}

/** Ends a wait when a signal aborts that is there to be listened to. */
function watch(source: SignalSource | undefined, stop: (reason: unknown) => void): () => void {
  const signal = source === undefined || typeof source === "function"
    ? undefined
    : "aborted" in source
    ? source
    : source.signal;
  return onAbort(signal, () => stop(signal!.reason));
}

/** Turns a synchronous throw into a rejection, and an answer that is no promise into one. */
function attempt<T>(start: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(start());
  } catch (error) {
    return Promise.reject(error);
  }
}

function timedOut(agent: Agent, timeoutMs: number): TimeoutError {
  return new TimeoutError(`Agent '${agent.name}' did not answer within ${timeoutMs} ms`, {
    timeoutMs,
  });
}
