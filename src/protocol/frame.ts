import { AgenkitError } from "../core/errors.ts";
import { MAX_MESSAGE_BYTES, tooLarge } from "./limits.ts";
import { decodeUtf8 } from "./utf8.ts";

/** The bytes of a frame's length: an unsigned integer of 32 bits, the most significant byte first. */
const PREFIX_BYTES = 4;
/** What is allocated for a frame at first: a peer that announces much has not sent it yet. */
const FIRST_BYTES = 4096;
/** By how much a buffer grows: little is copied, and little more is held than has come. */
const GROWTH = 4;
const EMPTY = new Uint8Array(0);

/** Texts up to this length share buffers: making one of its own costs more than encoding it. */
const SHARED_LENGTH = 4096;
const SHARED_BYTES = 65_536;
const encoder = new TextEncoder();
let shared = EMPTY as Uint8Array<ArrayBuffer>;
let sharedUsed = 0;

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
  let frame = bufferFor(text);
  let { read, written } = encoder.encodeInto(text, frame.subarray(PREFIX_BYTES));
  if (read < text.length) {
    const bytes = encoder.encode(text);
    written = bytes.byteLength;
    frame = new Uint8Array(PREFIX_BYTES + written);
    frame.set(bytes, PREFIX_BYTES);
  }
  if (written > maxBytes) throw tooLarge("The message", maxBytes, written);
  frame[0] = written >>> 24;
  frame[1] = written >>> 16;
  frame[2] = written >>> 8;
  frame[3] = written;
  const size = PREFIX_BYTES + written;
  if (frame.buffer === shared.buffer) sharedUsed += size;
  return size === frame.length ? frame : frame.subarray(0, size);
}

/** Room for a frame, if its text is ASCII; for a short one, whatever it is. */
function bufferFor(text: string): Uint8Array<ArrayBuffer> {
  if (text.length > SHARED_LENGTH) return new Uint8Array(PREFIX_BYTES + text.length);
  // A UTF-16 unit becomes at most three bytes.
  if (sharedUsed + PREFIX_BYTES + 3 * text.length > shared.length) {
    shared = new Uint8Array(SHARED_BYTES);
    sharedUsed = 0;
  }
  return shared.subarray(sharedUsed);
}

/**
 * Reads frames from bytes that come in any pieces. A length above the limit is
 * refused before anything is allocated for it, and memory grows with what has
 * arrived, not with what was announced.
 */
export class FrameReader {
  readonly #maxBytes: number;
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

  /** Adds to the frame that has begun. */
  #keep(part: Uint8Array): void {
    const size = this.#filled + part.length;
    if (size > this.#body.length) {
      const capacity = Math.max(size, GROWTH * this.#body.length, FIRST_BYTES);
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
      return decodeUtf8(bytes);
    } catch (cause) {
      throw new AgenkitError("invalid_argument", "Cannot read a frame: expected UTF-8", { cause });
    }
  }
}
