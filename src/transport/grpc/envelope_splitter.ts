import { Buffer } from "node:buffer";
import { Code, ConnectError } from "@connectrpc/connect";

/** A message as gRPC frames it: one byte of flags, four of its length, and its bytes. */
export interface Envelope {
  readonly flags: number;
  readonly data: Uint8Array;
}

const HEAD_BYTES = 5;

/** Finds the messages in bytes that arrive piece by piece. */
export class EnvelopeSplitter {
  readonly #maxBytes: number;
  /** The beginning of a message that has not arrived whole. */
  readonly #rest: Uint8Array[] = [];
  #restBytes = 0;
  /** How many bytes it takes to go on. */
  #needed = HEAD_BYTES;

  /** @param maxBytes The most bytes of a message. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun that is not whole yet. */
  get partial(): boolean {
    return this.#restBytes > 0;
  }

  /**
   * Takes a piece, and hands on the messages that it completes.
   *
   * @throws {ConnectError} If a message says that it is too large.
   */
  push(piece: Uint8Array, found: (envelope: Envelope) => void): void {
    let bytes = piece;
    if (this.#restBytes > 0) {
      this.#rest.push(piece);
      this.#restBytes += piece.length;
      if (this.#restBytes < this.#needed) return;
      bytes = Buffer.concat(this.#rest.splice(0), this.#restBytes);
    }
    let start = 0;
    for (;;) {
      this.#needed = HEAD_BYTES;
      if (bytes.length - start < HEAD_BYTES) break;
      const size = lengthAt(bytes, start + 1);
      if (size > this.#maxBytes) throw tooLarge(size, this.#maxBytes);
      this.#needed = HEAD_BYTES + size;
      if (bytes.length - start < this.#needed) break;
      const end = start + this.#needed;
      found({ flags: bytes[start]!, data: bytes.subarray(start + HEAD_BYTES, end) });
      start = end;
    }
    this.#restBytes = bytes.length - start;
    if (this.#restBytes > 0) this.#rest.push(bytes.subarray(start));
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

function tooLarge(size: number, maxBytes: number): ConnectError {
  return new ConnectError(
    `The message has ${size} bytes, which is larger than the ${maxBytes} that are allowed`,
    Code.ResourceExhausted,
  );
}
