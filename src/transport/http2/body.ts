import { Buffer } from "node:buffer";
import type { Readable, Writable } from "node:stream";
import { drained } from "./drained.ts";

/** What a request sends: all of it, or piece by piece. */
export type RequestBody = Uint8Array | ReadableStream<Uint8Array> | undefined;

/** Makes what `fetch` takes as a body into bytes; a stream stays one. */
export async function toRequestBody(body: BodyInit | null | undefined): Promise<RequestBody> {
  if (body === null || body === undefined) return undefined;
  if (typeof body === "string") return Buffer.from(body);
  if (body instanceof Uint8Array || body instanceof ReadableStream) return body;
  return new Uint8Array(await new Response(body).arrayBuffer());
}

/** Sends a body, a stream no faster than the server takes it. */
export async function sendBody(body: RequestBody, outgoing: Writable): Promise<void> {
  if (!(body instanceof ReadableStream)) {
    if (body === undefined) outgoing.end();
    else outgoing.end(body);
    return;
  }
  const reader = body.getReader();
  const leave = () => void reader.cancel().catch(() => {});
  outgoing.once("close", leave);
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done || outgoing.destroyed) break;
      if (!outgoing.write(value)) await drained(outgoing);
    }
    outgoing.end();
  } finally {
    outgoing.off("close", leave);
  }
}

/**
 * How much is read ahead. When a server closes the connection after its last
 * byte, `node:http2` drops what was not read by then.
 */
const READ_AHEAD_BYTES = 256 * 1024;

/**
 * What arrives, as a web stream that reads not much further ahead than it is read.
 *
 * @param failure What broke, if the source ended because something did.
 * @param cancel Called when the reader wants no more.
 */
export function toWebStream(
  incoming: Readable,
  failure: () => Error | undefined,
  cancel: () => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let settled = false;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      const fail = (error: Error) => {
        if (settled) return;
        settled = true;
        controller.error(error);
      };
      incoming.on("data", (chunk: Uint8Array<ArrayBuffer>) => {
        if (settled) return;
        controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.once("end", () => {
        const error = failure();
        if (error !== undefined) return fail(error);
        if (settled) return;
        settled = true;
        controller.close();
      });
      incoming.once("error", fail);
      incoming.once("close", () => {
        fail(failure() ?? new Error("The connection closed before the answer was complete"));
      });
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      settled = true;
      cancel();
    },
  }, new ByteLengthQueuingStrategy({ highWaterMark: READ_AHEAD_BYTES }));
}
