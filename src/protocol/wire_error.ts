import { type Code, isCode } from "../core/code.ts";
import { AgenkitError, codeOf, RemoteError } from "../core/errors.ts";
import { describe, EMPTY_OBJECT, type Json, type JsonObject, toJsonObject } from "../core/json.ts";
import { codeFromWire, wireFromCode } from "./status.ts";

/** The payload of an error envelope, in the shape that every peer reads. */
export interface ErrorPayload {
  /** The peers' name of the code. */
  readonly error_code: string;
  /** For people. */
  readonly error_message: string;
  /** For programs; ours add the canonical code and what it implies. */
  readonly error_details: JsonObject;
}

/**
 * Makes the one error class of whatever an agent threw: what is one already is
 * kept, an abort is `cancelled`, a platform timeout is `deadline_exceeded`, and
 * anything else is `unknown` with its own text and the original as cause.
 */
export function toAgenkitError(thrown: unknown): AgenkitError {
  if (codeOf(thrown) !== undefined) return thrown as AgenkitError;
  if (!(thrown instanceof Error)) {
    return new AgenkitError("unknown", `The agent threw ${describe(thrown)}`, { cause: thrown });
  }
  const code = thrown.name === "AbortError"
    ? "cancelled"
    : thrown.name === "TimeoutError"
    ? "deadline_exceeded"
    : "unknown";
  return new AgenkitError(code, thrown.message || thrown.name, { cause: thrown });
}

/**
 * Writes an error for the wire.
 *
 * @param streaming Whether it ends a stream, where peers have a code of their own for failures.
 */
export function writeError(error: AgenkitError, streaming = false): ErrorPayload {
  const { code, retryable, retryAfterMs, details } = error;
  return {
    error_code: streaming && code === "unknown" ? "STREAM_ERROR" : wireFromCode(code),
    error_message: error.message,
    error_details: {
      code,
      retryable,
      ...(Number.isFinite(retryAfterMs) ? { retry_after_ms: retryAfterMs! } : undefined),
      ...(details === undefined ? undefined : sendable(details)),
    },
  };
}

/** What is no JSON is left out: the error matters more than its details. */
function sendable(details: JsonObject): { details: JsonObject } | undefined {
  try {
    return { details: toJsonObject(details) };
  } catch {
    return undefined;
  }
}

/**
 * Reads the payload of an error envelope, in either of the shapes that peers
 * write. Never throws: what is missing is filled in.
 */
export function readError(payload: JsonObject, fallback: Code = "unknown"): RemoteError {
  const nested = payload.error;
  const source = isObject(nested)
    ? { code: nested.code, message: nested.message, details: nested.details }
    : {
      code: payload.error_code,
      message: payload.error_message ?? nested,
      details: payload.error_details,
    };
  const remoteCode = typeof source.code === "string" ? source.code : undefined;
  const details = isObject(source.details) ? source.details : EMPTY_OBJECT;
  const ours = isCode(details.code);
  const code = ours
    ? details.code as Code
    : remoteCode === undefined
    ? fallback
    : codeFromWire(remoteCode) ?? fallback;
  const message = typeof source.message === "string" && source.message !== ""
    ? source.message
    : `The remote agent failed${remoteCode === undefined ? "" : ` with ${remoteCode}`}`;
  const inner = ours ? details.details : Object.keys(details).length > 0 ? details : undefined;
  return new RemoteError(code, message, {
    ...(remoteCode === undefined ? undefined : { remoteCode }),
    details: isObject(inner) ? inner : undefined,
    retryable: typeof details.retryable === "boolean" ? details.retryable : undefined,
    retryAfterMs: typeof details.retry_after_ms === "number" ? details.retry_after_ms : undefined,
  });
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
