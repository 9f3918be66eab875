import type { Code } from "../../core/code.ts";
import { AgenkitError } from "../../core/errors.ts";
import { tooLarge } from "../../protocol/limits.ts";

/**
 * Reads the text of a request or response, but no more than `limit` bytes of
 * it, whatever its headers claim.
 *
 * @param what Names it in error messages, such as `"The request body"`.
 * @throws {AgenkitError} `resource_exhausted` if there is more. If it is not UTF-8,
 * `invalid_argument` for a request and `internal` for a response.
 */
export async function readText(
  message: Request | Response,
  what: string,
  limit: number,
): Promise<string> {
  const { headers } = message;
  const code = message instanceof Request ? "invalid_argument" : "internal";
  const length = headers.get("content-length");
  // The length of an answer that `fetch` decompresses is that of what was sent.
  const told = length !== null &&
    (message instanceof Request || headers.get("content-encoding") === null);
  // Asking for `body` makes a stream, which costs more than all the rest.
  if (!told) {
    const { body } = message;
    return body === null ? "" : decode(await readBytes(body, what, limit), what, code);
  }
  if (Number(length) > limit) {
    // Not awaited: a client may be waiting to send it all.
    message.body?.cancel().catch(() => {});
    throw tooLarge(what, limit, Number(length));
  }
  const text = await message.text();
  // A byte that is not UTF-8 has become a character of three.
  if (text.includes("\ufffd") && new TextEncoder().encode(text).byteLength !== Number(length)) {
    throw notText(what, code);
  }
  return text;
}

async function readBytes(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  what: string,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > limit) {
      reader.cancel().catch(() => {});
      throw tooLarge(what, limit);
    }
    chunks.push(value);
  }
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function decode(bytes: Uint8Array, what: string, code: Code): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw notText(what, code);
  }
}

function notText(what: string, code: Code): AgenkitError {
  return new AgenkitError(code, `${what} is not text: expected UTF-8`, { retryable: false });
}

/** The pieces of a body, for reading it as it comes. Stopping early cancels it. */
export async function* chunksOf(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const reader = body.getReader();
  let finished = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        finished = true;
        return;
      }
      yield value;
    }
  } finally {
    // Not awaited: a cancelled connection has nothing more to say.
    if (!finished) reader.cancel().catch(() => {});
  }
}
