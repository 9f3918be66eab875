import type { Readable } from "node:stream";

/**
 * Keeps the last bytes of a program's output, however much it writes, and
 * always reads on: a program whose pipe nobody empties stops at 64 KiB.
 */
export class Tail {
  readonly #ring: Uint8Array;
  #total = 0;

  constructor(stream: Readable, limit: number) {
    this.#ring = new Uint8Array(limit);
    stream.on("error", () => {});
    stream.on("data", (chunk: Uint8Array) => this.#add(chunk));
  }

  /** How many bytes were written and are no longer kept. */
  get dropped(): number {
    return Math.max(0, this.#total - this.#ring.length);
  }

  /** What is kept, with U+FFFD for what is not UTF-8. */
  text(): string {
    const size = this.#ring.length;
    if (this.#total <= size) return new TextDecoder().decode(this.#ring.subarray(0, this.#total));
    const cut = this.#total % size;
    const bytes = new Uint8Array(size);
    bytes.set(this.#ring.subarray(cut));
    bytes.set(this.#ring.subarray(0, cut), size - cut);
    return new TextDecoder().decode(bytes);
  }

  #add(chunk: Uint8Array): void {
    const size = this.#ring.length;
    const kept = chunk.subarray(Math.max(0, chunk.length - size));
    const at = (this.#total + chunk.length - kept.length) % size;
    const first = kept.subarray(0, size - at);
    this.#ring.set(first, at);
    this.#ring.set(kept.subarray(first.length), 0);
    this.#total += chunk.length;
  }
}
