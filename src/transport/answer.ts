import { AgenkitError } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import { decodeEnvelope } from "../protocol/decode.ts";
import { type Envelope, UNKNOWN_ID } from "../protocol/envelope.ts";

/**
 * Reads what a server has sent.
 *
 * @param url Names the server in error messages.
 * @throws {AgenkitError} With code `internal`: it is not the caller's fault.
 */
export function decodeAnswer(text: string, url: string): Envelope {
  try {
    return decodeEnvelope(text);
  } catch (cause) {
    throw unusable(url, cause);
  }
}

/** The error for what came instead of an answer; it is not the caller's fault. */
export function unusable(url: string, cause: unknown): AgenkitError {
  return new AgenkitError(
    "internal",
    `The answer of ${url} cannot be used: ${(cause as Error).message}`,
    { cause, retryable: false },
  );
}

/**
 * Refuses the answer to another call.
 *
 * @throws {AgenkitError} With code `internal`.
 */
export function checkId(envelope: Envelope, id: string, url: string): void {
  // Peers write "unknown" where they could not read the id; there is only one call it can be for.
  if (envelope.id === id || envelope.id === UNKNOWN_ID) return;
  throw new AgenkitError(
    "internal",
    `The answer of ${url} belongs to another call: expected id ${id}, got ${describe(envelope.id)}`,
    { retryable: false },
  );
}

/**
 * The message of an envelope that answers a request.
 *
 * @throws {AgenkitError} The error that it carries, or `internal` if it is of another type.
 */
export function messageOf(
  envelope: Envelope,
  type: "response" | "stream_chunk",
  url: string,
): Message {
  if (envelope.type === "error") throw envelope.error;
  if (envelope.type === type) return envelope.message;
  throw new AgenkitError(
    "internal",
    `The answer of ${url} cannot be used: expected type "${type}", got "${envelope.type}"`,
    { retryable: false },
  );
}
