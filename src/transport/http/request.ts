import type { Clock } from "../../core/clock.ts";
import { deadline } from "../../core/deadline.ts";
import { AgenkitError, TimeoutError } from "../../core/errors.ts";
import { decodeEnvelope, EnvelopeError } from "../../protocol/decode.ts";
import type { RequestEnvelope } from "../../protocol/envelope.ts";
import { readText } from "./body.ts";
import { JSON_TYPE, TIMEOUT_HEADER } from "./headers.ts";
import { HttpProblem } from "./problem.ts";

/**
 * Refuses bodies that cannot be an envelope. Text is taken for JSON, as peers
 * do: it is what `fetch` says of a string. (Pages of other origins, for which
 * text needs no preflight, were refused before.)
 *
 * @throws {HttpProblem} 415.
 */
export function checkContentType(request: Request): void {
  const value = request.headers.get("content-type");
  if (value === null || value.startsWith(JSON_TYPE)) return;
  const type = value.split(";", 1)[0]!.trim().toLowerCase();
  if (type === JSON_TYPE || type.startsWith("text/") || type.endsWith("+json")) return;
  throw new HttpProblem(
    415,
    "invalid_argument",
    type.startsWith("application/grpc")
      ? `This endpoint does not speak gRPC: expected ${JSON_TYPE}, got ${type}. Call /process ` +
        "with a JSON envelope, or a server with a gRPC listener"
      : `Cannot read a body of type ${type}: expected ${JSON_TYPE}`,
  );
}

/**
 * Refuses bodies that are compressed: what one byte may unpack to has no bound.
 *
 * @throws {HttpProblem} 415, with what is taken (RFC 9110 section 12.5.3).
 */
export function checkContentEncoding(request: Request): void {
  const value = request.headers.get("content-encoding");
  if (value === null || /^(?:identity)?$/i.test(value.trim())) return;
  throw new HttpProblem(
    415,
    "invalid_argument",
    `Cannot read a body with the content encoding ${JSON.stringify(value)}: expected it ` +
      "uncompressed, with no content-encoding",
    { "accept-encoding": "identity" },
  );
}

/**
 * How long the caller waits, in milliseconds, but no more than `max`.
 *
 * @throws {AgenkitError} `invalid_argument`, if the header holds something else.
 */
export function readTimeout(request: Request, max: number): number {
  const value = request.headers.get(TIMEOUT_HEADER);
  if (value === null) return max;
  const ms = Number(value);
  if (value.trim() === "" || !Number.isFinite(ms) || ms < 0) {
    throw new AgenkitError(
      "invalid_argument",
      `Cannot read the header ${TIMEOUT_HEADER}: expected milliseconds, got ${
        JSON.stringify(value)
      }`,
    );
  }
  return Math.min(ms, max);
}

/**
 * Reads the envelope of a request, within limits of size and time.
 *
 * @throws {HttpProblem} 413 or 408.
 * @throws {EnvelopeError} If it is not a request.
 */
export async function readRequest(
  request: Request,
  maxBytes: number,
  timeoutMs: number,
  clock: Clock,
): Promise<RequestEnvelope> {
  let body: string;
  try {
    body = await deadline(readText(request, "The request body", maxBytes), timeoutMs, { clock });
  } catch (error) {
    throw problemOf(error, timeoutMs);
  }
  const envelope = decodeEnvelope(body);
  if (envelope.type === "request") return envelope;
  throw new EnvelopeError(
    `Cannot read type: expected "request", got ${JSON.stringify(envelope.type)}`,
    envelope.id,
  );
}

/** What is left of the body will not be read: the connection cannot be used again. */
function problemOf(error: unknown, timeoutMs: number): unknown {
  if (error instanceof TimeoutError) {
    return new HttpProblem(
      408,
      "deadline_exceeded",
      `The request body did not arrive within ${timeoutMs} ms`,
      { connection: "close" },
    );
  }
  if (error instanceof AgenkitError && error.code === "resource_exhausted") {
    return new HttpProblem(413, error.code, error.message, { connection: "close" });
  }
  return error;
}
