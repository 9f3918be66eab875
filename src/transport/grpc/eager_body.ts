import { type ClientHttp2Stream, constants } from "node:http2";
import { AgenkitError } from "../../core/errors.ts";
import { NotProcessedError } from "../http2/request.ts";

/** How many bytes wait for a reader before the other side is asked to wait. */
const HIGH_WATER = 256 * 1024;

type Result = IteratorResult<Uint8Array>;

/**
 * The body of an HTTP/2 response, read from the moment its stream is there.
 * The stream's own iterator is asked only later, and finds the stream closed
 * (Deno, when the connection was told to go) with what came unread.
 */
class EagerBody implements AsyncIterator<Uint8Array> {
  readonly #stream: ClientHttp2Stream;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #paused = false;
  #end: { readonly error?: unknown } | undefined;
  #waiting:
    | { readonly resolve: (result: Result) => void; readonly reject: (error: unknown) => void }
    | undefined;

  constructor(stream: ClientHttp2Stream, heard: () => void) {
    this.#stream = stream;
    stream.on("data", (chunk: Uint8Array) => {
      heard();
      this.#take(chunk);
    });
    stream.once("end", () => this.#finish({}));
    stream.once("error", (error) => this.#finish({ error }));
    stream.once("close", () => {
      // Most have ended by now, and an error costs.
      if (this.#end === undefined) this.#finish({ error: lost() });
    });
  }

  next(): Promise<Result> {
    const value = this.#chunks.shift();
    if (value !== undefined) {
      this.#size -= value.byteLength;
      if (this.#paused && this.#size < HIGH_WATER) {
        this.#paused = false;
        this.#stream.resume();
      }
      return Promise.resolve({ value, done: false });
    }
    const end = this.#end;
    if (end === undefined) {
      return new Promise((resolve, reject) => this.#waiting = { resolve, reject });
    }
    return "error" in end
      ? Promise.reject(end.error)
      : Promise.resolve({ value: undefined, done: true });
  }

  #take(chunk: Uint8Array): void {
    const waiting = this.#waiting;
    if (waiting !== undefined) {
      this.#waiting = undefined;
      waiting.resolve({ value: chunk, done: false });
      return;
    }
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#size >= HIGH_WATER) {
      this.#paused = true;
      this.#stream.pause();
    }
  }

  /** The first end counts. */
  #finish(end: { readonly error?: unknown }): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    if ("error" in end) waiting.reject(end.error);
    else waiting.resolve({ value: undefined, done: true });
  }
}

/**
 * Lets a stream be read from now on, and makes its end an error where it has not answered.
 *
 * @param heard Called whenever the server was heard of.
 */
export function readEagerly(stream: ClientHttp2Stream, heard: () => void): ClientHttp2Stream {
  const body = new EagerBody(stream, heard);
  let answered = false;
  stream.once("response", () => {
    answered = true;
    heard();
  });
  stream.once("error", () => answered = true);
  stream.once("close", () => {
    // Some runtimes close the streams of a lost connection as if all were well.
    if (answered) return;
    const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    stream.emit("error", refused ? new NotProcessedError() : lost());
  });
  Object.defineProperty(stream, Symbol.asyncIterator, { value: () => body });
  return stream;
}

function lost(): AgenkitError {
  return new AgenkitError("unavailable", "The connection ended before the answer did");
}
