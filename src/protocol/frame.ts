import { AgenkitError } from "../core/errors.ts";
import { MAX_MESSAGE_BYTES, tooLarge } from "./limits.ts";

/** The bytes of a frame's length: an unsigned integer of 32 bits, the most significant byte first. */
const PREFIX_BYTES = 4;
/** What is allocated for a frame at first: a peer that announces much has not sent it yet. */
const FIRST_BYTES = 4096;
const EMPTY = new Uint8Array(0);

/**
 * Writes a frame, as TCP and Unix sockets carry envelopes: the length of the
 * text in bytes, then the text as UTF-8.
 *
 * @param maxBytes The most the text may have. @default {10485760}
 * @throws {AgenkitError} With code `resource_exhausted`, if the text is larger.
 */
export function writeFrame(
  text: string,
  maxBytes: number = MAX_MESSAGE_BYTES,
): Uint8Array<ArrayBuffer> {
  // A UTF-16 unit becomes at least one byte, and exactly one in most texts.
  if (text.length > maxBytes) throw tooLarge("The message", maxBytes);
  const encoder = new TextEncoder();
  let frame = new Uint8Array(PREFIX_BYTES + text.length);
  let { read, written } = encoder.encodeInto(text, frame.subarray(PREFIX_BYTES));
  if (read < text.length) {
    const bytes = encoder.encode(text);
    written = bytes.byteLength;
    if (written > maxBytes) throw tooLarge("The message", maxBytes, written);
    frame = new Uint8Array(PREFIX_BYTES + written);
    frame.set(bytes, PREFIX_BYTES);
  }
  frame[0] = written >>> 24;
  frame[1] = written >>> 16;
  frame[2] = written >>> 8;
  frame[3] = written;
  return frame;
}

/**
 * Reads frames from bytes that come in any pieces. A length above the limit is
 * refused before anything is allocated for it, and memory grows with what has
 * arrived, not with what was announced.
 */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** What came last, and how much of it has been read. */
  #chunk: Uint8Array = EMPTY;
  #at = 0;
  /** The part of a length that has come, most significant byte first. */
  #prefix = 0;
  #prefixBytes = 0;
  /** The frame that has begun, and how much of it has come in earlier chunks. */
  #length = -1;
  #body: Uint8Array = EMPTY;
  #filled = 0;

  /** @param maxBytes The most a frame may have. @default {10485760} */
  constructor(maxBytes: number = MAX_MESSAGE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a frame has begun that has not ended. To be asked when `next` has given `undefined`. */
  get isPartial(): boolean {
    return this.#prefixBytes > 0 || this.#length >= 0;
  }

  /** Takes bytes that have arrived. They must not change afterwards. */
  push(chunk: Uint8Array): void {
    const rest = this.#chunk.length - this.#at;
    if (rest > 0) {
      const joined = new Uint8Array(rest + chunk.length);
      joined.set(this.#chunk.subarray(this.#at));
      joined.set(chunk, rest);
      chunk = joined;
    }
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next frame's text, or `undefined` if more has to arrive first.
   *
   * @throws {AgenkitError} `resource_exhausted` for a frame that is too large, `invalid_argument`
   * for one that is not UTF-8. Nothing can be read after that.
   */
  next(): string | undefined {
    if (this.#length < 0 && !this.#readPrefix()) return undefined;
    const length = this.#length;
    const missing = length - this.#filled;
    const available = this.#chunk.length - this.#at;
    if (available < missing) {
      this.#keep(this.#chunk.subarray(this.#at));
      this.#release();
      return undefined;
    }
    const end = this.#at + missing;
    const last = this.#chunk.subarray(this.#at, end);
    let frame = last;
    if (this.#filled > 0) {
      this.#keep(last);
      frame = this.#body.subarray(0, length);
    }
    const text = this.#decode(frame);
    this.#at = end;
    if (end === this.#chunk.length) this.#release();
    this.#length = -1;
    this.#body = EMPTY;
    this.#filled = 0;
    return text;
  }

  #readPrefix(): boolean {
    while (this.#prefixBytes < PREFIX_BYTES) {
      if (this.#at === this.#chunk.length) {
        this.#release();
        return false;
      }
      this.#prefix = (this.#prefix << 8 | this.#chunk[this.#at++]!) >>> 0;
      this.#prefixBytes++;
    }
    if (this.#prefix > this.#maxBytes) throw tooLarge("A frame", this.#maxBytes, this.#prefix);
    this.#length = this.#prefix;
    this.#prefix = 0;
    this.#prefixBytes = 0;
    return true;
  }

  /** Adds to the frame that has begun, in a buffer that doubles. */
  #keep(part: Uint8Array): void {
    const size = this.#filled + part.length;
    if (size > this.#body.length) {
      const capacity = Math.max(size, 2 * this.#body.length, FIRST_BYTES);
      const body = new Uint8Array(Math.min(this.#length, capacity));
      body.set(this.#body.subarray(0, this.#filled));
      this.#body = body;
    }
    this.#body.set(part, this.#filled);
    this.#filled = size;
  }

  /** Lets go of a chunk that has been read: it may be a part of a large buffer. */
  #release(): void {
    this.#chunk = EMPTY;
    this.#at = 0;
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes);
    } catch (cause) {
      throw new AgenkitError("invalid_argument", "Cannot read a frame: expected UTF-8", { cause });
    }
  }
}
