import process from "node:process";
import { abortable } from "../core/abortable.ts";
import { drained } from "../transport/http2/drained.ts";

/** What a command line program reads and writes; tests hand in their own. */
export interface Io {
  /** Writes to standard output. A promise tells when more is welcome. */
  out(text: string): void | Promise<void>;
  /** Writes to standard error. */
  err(text: string): void;
  /** Reads all of standard input, or gives `undefined` if that is a terminal. */
  input(): Promise<string | undefined>;
  /** Whether colours are welcome on standard output. */
  readonly colours: boolean;
  /** Whether colours are welcome on standard error. */
  readonly errorColours: boolean;
  /** Aborts when the program is asked to stop (SIGINT, SIGTERM), or nobody reads on. */
  readonly stop: AbortSignal;
}

/** How a program ends. */
export const EXIT = {
  /** All went well. */
  ok: 0,
  /** The agent answered with an error. */
  failed: 1,
  /** The command line cannot be understood. */
  usage: 2,
  /** The agent cannot be reached. */
  unreachable: 3,
  /** The time was over first. */
  timeout: 4,
  /** The user interrupted it, or whoever read its output has left. */
  interrupted: 130,
} as const;

/** A mistake in the command line; its text is shown with a hint at the help. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The process's own streams and signals. */
export function processIo(): Io {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // Asked twice, it does not wait any longer.
      if (controller.signal.aborted) process.exit(EXIT.interrupted);
      controller.abort(new DOMException(`Stopped by ${signal}`, "AbortError"));
    });
  }
  // A pipe whose reader has left, as of `head`: there is nobody to tell, and nothing to go on for.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (reason) => controller.abort(reason));
  }
  return {
    out: (text) => write(text, controller.signal),
    err: (text) => void process.stderr.write(text),
    input: readInput,
    colours: process.stdout.isTTY === true && !process.env.NO_COLOR,
    errorColours: process.stderr.isTTY === true && !process.env.NO_COLOR,
    stop: controller.signal,
  };
}

/** Writes, and waits where the reader is slow: what waits for it takes up memory. */
function write(text: string, stop: AbortSignal): void | Promise<void> {
  if (process.stdout.write(text)) return;
  // Told to stop, it waits for nobody; that is no failure of writing.
  return abortable(drained(process.stdout), stop).catch(() => {});
}

/** Waits until all output has gone out: `process.exit` would cut off what is still in a pipe. */
export async function flushed(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => stream.write("", () => resolve()));
  }
}

async function readInput(): Promise<string | undefined> {
  if (process.stdin.isTTY) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return new TextDecoder().decode(
    await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer(),
  );
}

/** Colours for terminals, by what they mean. */
export function painter(
  colours: boolean,
): Record<"dim" | "bold" | "red", (text: string) => string> {
  const paint = (code: number) => (text: string) => colours ? `\x1b[${code}m${text}\x1b[0m` : text;
  return { bold: paint(1), dim: paint(2), red: paint(31) };
}
