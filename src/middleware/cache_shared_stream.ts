import { closeIterator } from "../core/abortable.ts";
import type { CallOptions } from "../core/call.ts";
import type { Timer } from "../core/clock.ts";
import { TimeoutError } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import {
  isAborted,
  LinkedSignal,
  reasonOf,
  throwIfAborted,
  unwatchAbort,
  watchAbort,
} from "../core/signals.ts";
import type { Flight, FlightInit } from "./cache_flight.ts";
import { messageBytes } from "./cache_size.ts";

type Result = IteratorResult<Message, undefined>;

const END: Result = { done: true, value: undefined };

/**
 * One stream of an agent for all who ask the same at the same time: recorded as
 * it is read, and read on when the fastest reader asks. Who joins late gets the
 * recording first. When the last reader has left, the stream is cancelled and
 * nothing is kept.
 */
export class SharedStream implements Flight {
  readonly request: Message;
  readonly tenant: string | undefined;
  voided = false;
  readonly #init: FlightInit;
  readonly #maxBytes: number;
  readonly #link = new LinkedSignal();
  readonly #readers = new Set<Reader>();
  readonly #chunks: Message[] = [];
  /** Chunks that were dropped from the front, as the recording is too long to be kept. */
  #dropped = 0;
  #bytes = 0;
  #unattended: Reader | undefined;
  #iterator: AsyncIterator<Message> | undefined;
  #pulling = false;
  #open = true;
  #end: "none" | "done" | "failed" = "none";
  #error: unknown;

  constructor(init: FlightInit, maxBytes: number) {
    this.#init = init;
    this.#maxBytes = maxBytes;
    this.request = init.request;
    this.tenant = init.tenant;
  }

  /** Whether the stream runs as long as a caller may want it to. */
  suits(call: CallOptions | undefined): boolean {
    const deadline = this.#init.call?.deadline;
    return deadline === undefined || (call?.deadline ?? Number.POSITIVE_INFINITY) <= deadline;
  }

  /** Reads the stream from its start. Joins at once, not at the first read. */
  read(call: CallOptions | undefined): AsyncGenerator<Message, void, undefined> {
    // From now on it is somebody's business whether it goes on.
    if (this.#unattended !== undefined) this.#readers.delete(this.#unattended);
    const reader = new Reader(call);
    this.#readers.add(reader);
    return this.#read(reader);
  }

  /** Records the stream to its end, although nobody reads it. */
  async recordAll(): Promise<void> {
    const reader = new Reader(undefined);
    this.#unattended = reader;
    this.#readers.add(reader);
    while (!(await this.#next(reader)).done);
  }

  async *#read(reader: Reader): AsyncGenerator<Message, void, undefined> {
    try {
      for (;;) {
        const result = await this.#next(reader);
        if (result.done) return;
        yield result.value;
      }
    } finally {
      await this.#leave(reader);
    }
  }

  #next(reader: Reader): Promise<Result> | Result {
    throwIfAborted(reader.call);
    const ready = this.#ready(reader);
    if (ready !== undefined) return ready;
    if (this.#end === "failed") throw this.#error;
    return new Promise((resolve, reject) => {
      reader.wait(resolve, reject, this.#ownDeadline(reader), this.#init.clock);
      this.#pull();
    });
  }

  /** The deadline that only this reader has; the agent keeps that of its call. */
  #ownDeadline({ call }: Reader): number | undefined {
    return call?.deadline === this.#init.call?.deadline ? undefined : call?.deadline;
  }

  #ready(reader: Reader): Result | undefined {
    const value = this.#chunks[reader.index - this.#dropped];
    if (value === undefined) return this.#end === "done" ? END : undefined;
    reader.index++;
    return { done: false, value };
  }

  #pull(): void {
    if (this.#pulling) return;
    this.#pulling = true;
    this.#ask().then((result) => {
      if (result.done) this.#finish();
      else this.#record(result.value);
    }, (error) => this.#fail(error));
  }

  async #ask(): Promise<IteratorResult<Message>> {
    const { next, request, call } = this.#init;
    this.#iterator ??= next.stream!(
      request,
      this.#link.options({ values: call?.values, deadline: call?.deadline }),
    )[Symbol.asyncIterator]();
    return await this.#iterator.next();
  }

  #record(chunk: Message): void {
    this.#pulling = false;
    this.#chunks.push(chunk);
    this.#bytes += messageBytes(chunk);
    if (this.#bytes > this.#maxBytes) this.#close();
    for (const reader of this.#readers) {
      if (reader.waiting) reader.resolve(this.#ready(reader)!);
    }
    if (!this.#open) this.#trim();
  }

  /** What can neither be kept nor be joined is held only for the slowest reader. */
  #trim(): void {
    let read = this.#dropped + this.#chunks.length;
    for (const reader of this.#readers) read = Math.min(read, reader.index);
    this.#chunks.splice(0, read - this.#dropped);
    this.#dropped = read;
  }

  #finish(): void {
    this.#end = "done";
    if (this.#open) {
      this.#close();
      if (!this.voided) this.#init.keep(this.#chunks);
    }
    for (const reader of this.#readers) if (reader.waiting) reader.resolve(END);
  }

  #fail(error: unknown): void {
    this.#end = "failed";
    this.#error = error;
    this.#close();
    for (const reader of this.#readers) if (reader.waiting) reader.reject(error);
  }

  async #leave(reader: Reader): Promise<void> {
    this.#readers.delete(reader);
    if (this.#readers.size > 0 || this.#end !== "none") return;
    this.#end = "failed";
    this.#close();
    const aborted = isAborted(reader.call);
    this.#error = aborted
      ? reasonOf(reader.call)
      : new DOMException("The consumer stopped reading", "AbortError");
    this.#link.abort(this.#error);
    if (this.#iterator !== undefined) await closeIterator(this.#iterator, aborted || this.#pulling);
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#init.close();
  }
}

class Reader {
  readonly call: CallOptions | undefined;
  /** The next chunk it reads. */
  index = 0;
  #resolve: ((result: Result) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #timer: Timer | undefined;

  constructor(call: CallOptions | undefined) {
    this.call = call;
  }

  get waiting(): boolean {
    return this.#resolve !== undefined;
  }

  wait(
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
    deadline: number | undefined,
    clock: FlightInit["clock"],
  ): void {
    this.#resolve = resolve;
    this.#reject = reject;
    watchAbort(this.call, this);
    if (deadline === undefined) return;
    this.#timer = clock.schedule(deadline, () => {
      this.reject(new TimeoutError("The deadline passed while waiting for a shared stream"));
    });
  }

  handleEvent(): void {
    this.reject(reasonOf(this.call));
  }

  resolve(result: Result): void {
    const resolve = this.#resolve!;
    this.#release();
    resolve(result);
  }

  reject(error: unknown): void {
    const reject = this.#reject!;
    this.#release();
    reject(error);
  }

  #release(): void {
    this.#resolve = this.#reject = undefined;
    this.#timer?.cancel();
    unwatchAbort(this.call, this);
  }
}
