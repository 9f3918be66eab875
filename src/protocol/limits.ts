import { AgenkitError } from "../core/errors.ts";

/** The version every envelope carries. */
export const PROTOCOL_VERSION = "1.0";

/** The most bytes a message may have on any transport: 10 MiB, as Python and Go peers have it. */
export const MAX_MESSAGE_BYTES: number = 10 * 1024 * 1024;

/** The error for what is too large. Trying again would not make it smaller. */
export function tooLarge(what: string, limit: number, got?: number): AgenkitError {
  const size = got === undefined ? "more" : `${got}`;
  return new AgenkitError(
    "resource_exhausted",
    `${what} is too large: expected at most ${limit} bytes, got ${size}`,
    { retryable: false },
  );
}

/**
 * Refuses a text that has more bytes as UTF-8 than allowed, counting them only
 * where its length does not tell.
 *
 * @throws {AgenkitError} With code `resource_exhausted`.
 */
export function checkSize(what: string, value: string, limit: number): void {
  // A UTF-16 unit becomes at most three bytes.
  if (value.length * 3 <= limit) return;
  const size = new TextEncoder().encode(value).byteLength;
  if (size > limit) throw tooLarge(what, limit, size);
}
