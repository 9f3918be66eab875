import type { Readable } from "node:stream";

/**
 * Collects a program's output as it comes, up to a limit, and keeps reading
 * beyond it, so that the program never blocks on a full pipe.
 */
export class Capture {
  readonly #stream: Readable;
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #over = false;

  /** @param full Called once, with the first byte beyond the limit. */
  constructor(stream: Readable, limit: number, full: () => void) {
    this.#stream = stream;
    this.#limit = limit;
    stream.on("error", () => {});
    stream.on("data", (chunk: Uint8Array) => {
      const left = limit - this.#bytes;
      if (left > 0) {
        const part = chunk.subarray(0, left);
        this.#chunks.push(part);
        this.#bytes += part.length;
      }
      if (chunk.length > left && !this.#over) {
        this.#over = true;
        full();
      }
    });
  }

  /** What was collected, with U+FFFD for what is not UTF-8. */
  text(): string {
    const bytes = new Uint8Array(Math.min(this.#bytes, this.#limit));
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return new TextDecoder().decode(bytes);
  }

  /** Stops reading; for a pipe that somebody else holds open. */
  detach(): void {
    this.#stream.destroy();
  }
}
