import type { AgenkitError } from "../core/errors.ts";
import { type JsonObject, toJson, toJsonObject } from "../core/json.ts";
import { isMessage, type Message } from "../core/message.ts";
import { checkWord } from "../core/options.ts";
import { timestamp } from "../core/timestamp.ts";
import { PROTOCOL_VERSION } from "./limits.ts";
import { writeError } from "./wire_error.ts";
import { readTimestamp } from "./wire_timestamp.ts";

/**
 * How content that is no string is written: `"text"` as JSON text, which every
 * peer can read (Go crashes on anything else), with a mark by which TypeScript
 * peers get the value back; `"json"` as it is, for Python peers.
 */
export type ContentMode = "text" | "json";

/**
 * Checks the option `content`.
 *
 * @throws {TypeError} If it is given and is not text.
 * @throws {RangeError} If it is none of the modes.
 */
export function checkContentMode(action: string, value: unknown): void {
  if (value !== undefined) checkWord(action, "content", value, ["text", "json"]);
}

/** What {@linkcode encodeRequest} writes. */
export interface RequestFields {
  /** A new id, not used before. */
  readonly id: string;
  /** What is asked for. */
  readonly method: "process" | "stream";
  /** Which agent is meant. Left out when not known. */
  readonly agentName?: string | undefined;
  /**
   * How many milliseconds the caller still waits, on transports that have no
   * headers to say so. Peers of other languages ignore it.
   */
  readonly timeoutMs?: number | undefined;
  /** What is asked. */
  readonly message: Message;
  /** How content that is no string is written. @default {"text"} */
  readonly content?: ContentMode | undefined;
}

/**
 * Writes a request.
 *
 * @throws {TypeError} If the message is not one or holds what is not JSON.
 */
export function encodeRequest(request: RequestFields): string {
  const { id, method, agentName, timeoutMs, message, content } = request;
  const payload = {
    method,
    ...(agentName === undefined || agentName === "" ? undefined : { agent_name: agentName }),
    message: writeMessage(message, content),
  };
  if (timeoutMs === undefined || !Number.isFinite(timeoutMs)) {
    return envelope("request", id, payload);
  }
  return JSON.stringify({
    version: PROTOCOL_VERSION,
    type: "request",
    id,
    timestamp: timestamp(),
    timeout_ms: timeoutMs,
    payload,
  });
}

/** Writes an answer, or one chunk of a stream. */
export function encodeMessage(
  type: "response" | "stream_chunk",
  id: string,
  message: Message,
  content?: ContentMode,
): string {
  return envelope(type, id, { message: writeMessage(message, content) });
}

/** Writes the end of a stream. */
export function encodeStreamEnd(id: string): string {
  return envelope("stream_end", id, {});
}

/** Writes a failure, see {@linkcode writeError}. */
export function encodeError(id: string, error: AgenkitError, streaming = false): string {
  return envelope("error", id, writeError(error, streaming));
}

/** Writes one of the envelopes that are reserved for registries. */
export function encodeControl(
  type: "heartbeat" | "register" | "unregister",
  id: string,
  payload: JsonObject,
): string {
  return envelope(type, id, toJsonObject(payload, "payload"));
}

function envelope(type: string, id: string, payload: unknown): string {
  return JSON.stringify({ version: PROTOCOL_VERSION, type, id, timestamp: timestamp(), payload });
}

interface WireMessage {
  readonly role: string;
  readonly content: unknown;
  readonly metadata: JsonObject;
  readonly timestamp: string;
  /** Ours: says that the content is JSON text of a value. Peers ignore keys they do not know. */
  readonly content_type?: "application/json";
}

function writeMessage(message: Message, mode: ContentMode = "text"): WireMessage {
  if (!isMessage(message)) message = checkedMessage(message);
  const { role, content, metadata, timestamp } = message;
  if (typeof content === "string" || mode === "json") {
    return { role, content, metadata, timestamp };
  }
  return {
    role,
    content: JSON.stringify(content),
    metadata,
    timestamp,
    content_type: "application/json",
  };
}

/** Agents written as plain classes may hand over look-alikes; what goes out is checked all the same. */
export function checkedMessage(value: Partial<Message> | undefined): Message {
  if (typeof value?.role !== "string" || value.role === "") {
    throw new TypeError("Cannot send the message: expected one made by message()");
  }
  return {
    role: value.role,
    content: toJson(value.content, "content"),
    metadata: toJsonObject(value.metadata ?? {}, "metadata"),
    timestamp: timestampOf(value.timestamp),
  } as Message;
}

function timestampOf(value: unknown): string {
  return (typeof value === "string" ? readTimestamp(value) : undefined) ?? timestamp();
}
