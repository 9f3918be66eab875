import { Code, ConnectError } from "@connectrpc/connect";
import { compressedFlag, type Compression } from "@connectrpc/connect/protocol";
import { type Envelope, EnvelopeSplitter } from "./envelope_splitter.ts";

/** How many bytes wait for a reader before the other side is asked to wait. */
const HIGH_WATER = 256 * 1024;

/** What bytes come from: it can be asked to wait. */
interface Source {
  pause(): unknown;
  resume(): unknown;
}

/** How messages are read. */
export interface MessageFormat<T> {
  /** Makes a message of its bytes. */
  parse(bytes: Uint8Array): T;
  /** The most bytes of a message, before and after decompression. */
  readonly maxBytes: number;
  /** Whether there has to be exactly one. */
  readonly single: boolean;
}

/**
 * The messages of one direction of an RPC. They are taken in from the moment
 * the stream is there: runtimes drop what nobody has read when a connection ends.
 */
export class MessageReader<T> implements AsyncIterator<T> {
  /** How the other side compresses, once it has said so. */
  compression: Compression | null = null;
  readonly #source: Source;
  readonly #format: MessageFormat<T>;
  readonly #splitter: EnvelopeSplitter;
  readonly #queue: Envelope[] = [];
  readonly #found = (envelope: Envelope) => this.#take(envelope);
  #queuedBytes = 0;
  #count = 0;
  #paused = false;
  #end: { readonly error?: unknown } | undefined;
  #waiting:
    | {
      readonly resolve: (result: IteratorResult<T> | Promise<IteratorResult<T>>) => void;
      readonly reject: (error: unknown) => void;
    }
    | undefined;

  constructor(source: Source, format: MessageFormat<T>) {
    this.#source = source;
    this.#format = format;
    this.#splitter = new EnvelopeSplitter(format.maxBytes);
  }

  /** Whether all has arrived, or something broke. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Whether a message has begun that is not whole yet. */
  get partial(): boolean {
    return this.#splitter.partial;
  }

  /**
   * Takes what has arrived.
   *
   * @throws {ConnectError} If it cannot be, or is more than there should be.
   */
  push(bytes: Uint8Array): void {
    if (this.#end === undefined) this.#splitter.push(bytes, this.#found);
  }

  /** Notes that no more arrives, or why. The first end counts. */
  end(failure?: { readonly error: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = failure ?? {};
    // What came before a failure is still to be read, unless the failure is the answer.
    if (failure !== undefined && this.#format.single) this.#queue.length = 0;
    this.#serve();
  }

  /** The next message. One that must be alone is there when all has arrived. */
  next(): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#serve();
    });
  }

  /** Gives who waits what is there. */
  #serve(): void {
    if (this.#waiting === undefined) return;
    const { resolve, reject } = this.#waiting;
    const end = this.#end;
    const envelope = end === undefined && this.#format.single ? undefined : this.#queue.shift();
    if (envelope === undefined && end === undefined) return;
    this.#waiting = undefined;
    try {
      if (envelope !== undefined) resolve(this.#read(envelope));
      else if ("error" in end!) reject(end.error);
      else resolve({ done: true, value: undefined });
    } catch (error) {
      reject(error);
    }
  }

  #read({ flags, data }: Envelope): IteratorResult<T> | Promise<IteratorResult<T>> {
    this.#queuedBytes -= data.length;
    if (this.#paused && this.#queuedBytes < HIGH_WATER) {
      this.#paused = false;
      this.#source.resume();
    }
    if ((flags & compressedFlag) === 0) return { done: false, value: this.#format.parse(data) };
    if (this.compression === null) {
      throw new ConnectError(
        "The message is compressed, and there is no header that says how",
        Code.Internal,
      );
    }
    return this.compression.decompress(data, this.#format.maxBytes)
      .then((bytes) => ({ done: false, value: this.#format.parse(bytes) }));
  }

  #take(envelope: Envelope): void {
    this.#count++;
    if (this.#format.single && this.#count > 1) {
      throw new ConnectError(
        "There is more than one message, and the method takes one",
        Code.Unimplemented,
      );
    }
    this.#queue.push(envelope);
    this.#queuedBytes += envelope.data.length;
    this.#serve();
    if (!this.#format.single && !this.#paused && this.#queuedBytes >= HIGH_WATER) {
      this.#paused = true;
      this.#source.pause();
    }
  }
}
