import { type Agent, streamOf } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock, Timer } from "../core/clock.ts";
import type { ContextValues } from "../core/context.ts";
import { TimeoutError } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import { LinkedSignal, type SignalSource } from "../core/signals.ts";

/** How a server lets an agent run. */
export interface RunOptions {
  /** Aborts when the client leaves. */
  readonly signal?: SignalSource | undefined;
  /** How long the agent may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What travels with the call. */
  readonly values?: ContextValues | undefined;
  /** Where time comes from. */
  readonly clock: Clock;
}

/**
 * Lets an agent answer within its time. An agent that ignores its signal is
 * not waited for, and what it says later is dropped.
 */
export function runProcess(agent: Agent, message: Message, options: RunOptions): Promise<Message> {
  const { clock, timeoutMs } = options;
  const link = new LinkedSignal(options.signal);
  const deadline = clock.now() + timeoutMs;
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(deadline, () => {
      const error = timedOut(agent, timeoutMs);
      reject(error);
      link.abort(error);
    });
    const finish = () => {
      timer.cancel();
      link.release();
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
  readonly #timer: Timer;
  #failure: { readonly error: unknown } | undefined;
  #reject: ((error: unknown) => void) | undefined;

  /**
   * Starts the stream.
   *
   * @throws {AgenkitError} With code `unimplemented`, if the agent does not stream.
   */
  constructor(agent: Agent, message: Message, options: RunOptions) {
    const { clock, timeoutMs } = options;
    const deadline = clock.now() + timeoutMs;
    this.#link = new LinkedSignal(options.signal);
    const call = this.#link.options(options as CallOptions, deadline);
    this.#iterator = streamOf(agent, message, call)[Symbol.asyncIterator]();
    this.#timer = clock.schedule(deadline, () => this.stop(timedOut(agent, timeoutMs)));
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

  /** Ends the run: aborts the agent's signal and closes its stream, without waiting for it. */
  stop(reason: unknown): void {
    if (this.#failure) return;
    this.#failure = { error: reason };
    this.#finish();
    this.#link.abort(reason);
    this.#reject?.(reason);
    attempt(async () => await this.#iterator.return?.()).catch(() => {});
  }

  #finish(): void {
    this.#timer.cancel();
    this.#link.release();
  }
}

/** Turns a synchronous throw into a rejection. */
function attempt<T>(start: () => Promise<T>): Promise<T> {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}

function timedOut(agent: Agent, timeoutMs: number): TimeoutError {
  return new TimeoutError(`Agent '${agent.name}' did not answer within ${timeoutMs} ms`, {
    timeoutMs,
  });
}
