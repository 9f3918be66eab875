import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { Clock, Timer } from "../../core/clock.ts";

/**
 * A request body that has to arrive in time: nobody shall hold a call open by
 * never sending what it asks.
 */
export class BodyDeadline implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #timer: Timer;
  #late: ConnectError | undefined;
  #reject: ((error: unknown) => void) | undefined;

  /** @param body The body; its time begins now. */
  constructor(body: AsyncIterable<Uint8Array>, timeoutMs: number, clock: Clock) {
    this.#source = body[Symbol.asyncIterator]();
    this.#timer = clock.schedule(clock.now() + timeoutMs, () => {
      this.#late = new ConnectError(
        `The request did not arrive within ${timeoutMs} ms`,
        Code.DeadlineExceeded,
      );
      this.#reject?.(this.#late);
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next piece; rejects when it is too late. */
  next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#late !== undefined) return Promise.reject(this.#late);
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#source.next().then(resolve, reject);
    });
  }

  /** Stops reading. */
  async return(value?: unknown): Promise<IteratorResult<Uint8Array>> {
    this.release();
    await this.#source.return?.(value);
    return { done: true, value: undefined };
  }

  /** Stops reading for a failure. */
  async throw(error?: unknown): Promise<IteratorResult<Uint8Array>> {
    this.release();
    await this.#source.throw?.(error);
    return { done: true, value: undefined };
  }

  /** Lets go of the timer: the body was read, or is not wanted. */
  release(): void {
    this.#timer.cancel();
  }
}

/** Gives the body of a request its time. Returns what lets go of that. */
export function limitBody(
  request: UniversalServerRequest,
  timeoutMs: number,
  clock: Clock,
): () => void {
  if (!Number.isFinite(timeoutMs)) return () => {};
  const body = new BodyDeadline(request.body as AsyncIterable<Uint8Array>, timeoutMs, clock);
  request.body = body;
  return () => body.release();
}
