import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import type { BatchRun } from "./batch_run.ts";
import { type AbortWatcher, reasonOf, unwatchAbort, watchAbort } from "../core/signals.ts";

/** How a call in a batch ended. */
export type ItemOutcome = "success" | "failed" | "cancelled";

/** One caller's call. It is settled once; whatever else comes is ignored. */
export class BatchItem implements AbortWatcher {
  readonly message: Message;
  readonly call: CallOptions | undefined;
  /** When it came. */
  readonly since: number;
  /** The batch it was sent with; none while it waits. */
  run: BatchRun | undefined;
  /** Until when it may wait for others. */
  dueAt: number;
  /** What the caller waits for. */
  readonly promise: Promise<Message>;
  readonly #onEnd: (item: BatchItem, outcome: ItemOutcome) => void;
  readonly #resolve: (message: Message) => void;
  readonly #reject: (reason: unknown) => void;
  #settled = false;

  /**
   * @param since When it came.
   * @param dueAt Until when it may wait for others.
   * @param onEnd Runs before the caller learns of the end, so that it finds everything counted.
   */
  constructor(
    message: Message,
    call: CallOptions | undefined,
    since: number,
    dueAt: number,
    onEnd: (item: BatchItem, outcome: ItemOutcome) => void,
  ) {
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    this.message = message;
    this.call = call;
    this.since = since;
    this.dueAt = dueAt;
    this.promise = promise;
    this.#onEnd = onEnd;
    this.#resolve = resolve;
    this.#reject = reject;
    watchAbort(call, this);
  }

  get settled(): boolean {
    return this.#settled;
  }

  succeed(answer: Message): void {
    if (this.#end("success")) this.#resolve(answer);
  }

  fail(error: unknown): void {
    if (this.#end("failed")) this.#reject(error);
  }

  /** Runs when the call is aborted. */
  handleEvent(): void {
    if (this.#end("cancelled")) this.#reject(reasonOf(this.call));
  }

  #end(outcome: ItemOutcome): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    unwatchAbort(this.call, this);
    this.#onEnd(this, outcome);
    return true;
  }
}
