import { AgenkitError } from "../core/errors.ts";
import { describe, EMPTY_OBJECT, type Json, type JsonObject } from "../core/json.ts";
import { freezeParsed } from "../core/json.ts";
import { adoptMessage, type Message } from "../core/message.ts";
import { timestamp } from "../core/timestamp.ts";
import { type Envelope, UNKNOWN_ID } from "./envelope.ts";
import { PROTOCOL_VERSION } from "./limits.ts";
import { readError } from "./wire_error.ts";
import { readTimestamp } from "./wire_timestamp.ts";

/** An envelope that could not be read; knows the id, where there was one, for the answer. */
export class EnvelopeError extends AgenkitError {
  /** The id that the envelope had, or `unknown`. */
  readonly id: string;

  /** Makes the error; the code is always `invalid_argument`. */
  constructor(message: string, id: string = UNKNOWN_ID, cause?: unknown) {
    super("invalid_argument", message, { cause });
    this.id = id;
  }
}

type Raw = Record<string, unknown>;

/**
 * Reads an envelope of any peer. What peers leave out or write in their own way
 * is filled in (see the notes at each field); what is wrong is refused with the
 * path, what was expected and what came.
 *
 * @throws {EnvelopeError} If it cannot be read.
 */
export function decodeEnvelope(body: string): Envelope {
  let raw: unknown;
  try {
    raw = JSON.parse(body);
  } catch (cause) {
    throw new EnvelopeError(
      `Cannot read the envelope: expected JSON, got ${describe(body)} (${
        (cause as Error).message
      })`,
      UNKNOWN_ID,
      cause,
    );
  }
  if (!isObject(raw)) throw wrong("the envelope", "an object", raw, UNKNOWN_ID);
  const id = readId(raw.id);
  // Python's HTTP server does not look at the version, and raw clients leave it out.
  if (raw.version !== undefined && raw.version !== PROTOCOL_VERSION) {
    throw wrong("version", JSON.stringify(PROTOCOL_VERSION), raw.version, id);
  }
  const { payload, type = "request" } = raw;
  if (!isObject(payload)) throw wrong("payload", "an object", payload, id);
  try {
    const envelope = readPayload(type, id, payload);
    return raw.timeout_ms === undefined || envelope.type !== "request"
      ? envelope
      : { ...envelope, timeoutMs: readTimeout(raw.timeout_ms, id) };
  } catch (cause) {
    // Values too deep or with forbidden keys are found while they are frozen.
    if (cause instanceof TypeError) throw new EnvelopeError(cause.message, id, cause);
    throw cause;
  }
}

function readPayload(type: unknown, id: string, payload: Raw): Envelope {
  switch (type) {
    case "request":
      return {
        type,
        id,
        method: readString(payload.method, "payload.method", id) || "process",
        agentName: readString(payload.agent_name, "payload.agent_name", id) || undefined,
        message: readMessage(payload.message, "user", id),
      };
    case "response":
    case "stream_chunk":
      return { type, id, message: readMessage(payload.message, "agent", id) };
    case "stream_end":
      return { type, id };
    case "error":
      return { type, id, error: readError(freezeParsed(payload as JsonObject, "payload")) };
    case "heartbeat":
    case "register":
    case "unregister":
      return { type, id, payload: freezeParsed(payload as JsonObject, "payload") };
    default:
      throw wrong(
        "type",
        '"request", "response", "error", "stream_chunk", "stream_end", "heartbeat", "register" ' +
          'or "unregister"',
        type,
        id,
      );
  }
}

/**
 * Reads a message.
 *
 * @param defaultRole What an empty role means, which Go agents may write.
 */
function readMessage(value: unknown, defaultRole: string, id: string): Message {
  const path = "payload.message";
  if (!isObject(value)) throw wrong(path, "an object", value, id);
  if (typeof value.role !== "string") throw wrong(`${path}.role`, "a string", value.role, id);
  if (value.content === undefined) throw wrong(`${path}.content`, "a value", undefined, id);
  return adoptMessage(
    value.role || defaultRole,
    readContent(value, id),
    readMetadata(value.metadata, id),
    readMessageTimestamp(value.timestamp, id),
  );
}

function readContent(message: Raw, id: string): Json {
  const content = message.content as Json;
  if (message.content_type !== "application/json" || typeof content !== "string") return content;
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw new EnvelopeError(
      `Cannot read payload.message.content: expected JSON text, got ${describe(content)}`,
      id,
      cause,
    );
  }
}

/** Go writes `null` for a map never made; old clients leave the key out. */
function readMetadata(value: unknown, id: string): JsonObject {
  if (value === undefined || value === null) return EMPTY_OBJECT;
  if (!isObject(value)) throw wrong("payload.message.metadata", "an object", value, id);
  for (const _ in value) return value as JsonObject;
  return EMPTY_OBJECT;
}

function readMessageTimestamp(value: unknown, id: string): string {
  if (value === undefined || value === null || value === "") return timestamp();
  const read = typeof value === "string" ? readTimestamp(value) : undefined;
  if (read === undefined) throw wrong("payload.message.timestamp", "an RFC 3339 date", value, id);
  return read;
}

/** Python takes any id; ours are strings, so a number is turned into one. */
function readId(value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  if (value === undefined || value === null || value === "") return UNKNOWN_ID;
  if (typeof value === "number") return String(value);
  throw wrong("id", "a string", value, UNKNOWN_ID);
}

/** Ours: written only where there is no header for it. */
function readTimeout(value: unknown, id: string): number | undefined {
  if (value === null) return undefined;
  if (typeof value === "number" && value >= 0) return value;
  throw wrong("timeout_ms", "milliseconds", value, id);
}

function readString(value: unknown, path: string, id: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  throw wrong(path, "a string", value, id);
}

function wrong(path: string, expected: string, got: unknown, id: string): EnvelopeError {
  const what = got === undefined ? "nothing" : describe(got);
  return new EnvelopeError(`Cannot read ${path}: expected ${expected}, got ${what}`, id);
}

function isObject(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
