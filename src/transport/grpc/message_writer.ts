import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import type { Writable } from "node:stream";
import { compressedFlag, type Compression, encodeEnvelope } from "@connectrpc/connect/protocol";

/** From how many bytes on compressing a message is worth its while. */
const COMPRESS_MIN_BYTES = 1024;

/** How many bytes are sent at once without a wait for more. */
const BATCH_BYTES = 16 * 1024;

/**
 * The messages of one direction of an RPC on their way out. What is said in
 * one turn of the event loop is sent as one piece: each costs the runtimes more
 * than its bytes.
 */
export class MessageWriter {
  readonly #out: Writable;
  readonly #compression: Compression | null;
  readonly #onFlush: () => void;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #scheduled = false;
  #closed = false;
  /** Resolves when the stream, which is full, takes more. */
  #room: PromiseWithResolvers<void> | undefined;
  readonly #onDrain = () => {
    this.#room?.resolve();
    this.#room = undefined;
  };

  /** @param onFlush Runs before anything is sent. */
  constructor(out: Writable, compression: Compression | null, onFlush: () => void = () => {}) {
    this.#out = out;
    this.#compression = compression;
    this.#onFlush = onFlush;
  }

  /** Sends a message. If it returns a promise, that is to be waited for before the next. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#compression === null || bytes.length < COMPRESS_MIN_BYTES) {
      return this.#add(encodeEnvelope(0, bytes));
    }
    return this.#compression.compress(bytes)
      .then((compressed) => this.#add(encodeEnvelope(compressedFlag, compressed)));
  }

  /** Sends what is left, and that there is no more. */
  end(): void {
    const rest = this.#takePending();
    if (rest === undefined) this.#out.end();
    else this.#out.end(rest);
  }

  /** Drops what is left: nobody reads it. */
  close(): void {
    this.#closed = true;
    this.#takePending();
    this.#onDrain();
  }

  #add(envelope: Uint8Array): Promise<void> | undefined {
    if (this.#closed) return undefined;
    this.#pending.push(envelope);
    this.#pendingBytes += envelope.length;
    if (this.#pendingBytes >= BATCH_BYTES) this.#flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    }
    return this.#room?.promise;
  }

  #flush(): void {
    const bytes = this.#takePending();
    if (bytes === undefined) return;
    try {
      this.#onFlush();
      if (this.#out.write(bytes) || this.#room !== undefined) return;
      this.#room = Promise.withResolvers();
      this.#out.once("drain", this.#onDrain);
    } catch {
      // The stream is gone, and has not said so yet.
      this.close();
    }
  }

  #takePending(): Uint8Array | undefined {
    const [first] = this.#pending;
    if (first === undefined) return undefined;
    const bytes = this.#pending.length === 1
      ? first
      : Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    return bytes;
  }
}
