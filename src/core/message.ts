import { describe, EMPTY_OBJECT, freezeParsed, type Json, toJson, toJsonObject } from "./json.ts";
import type { JsonObject } from "./json.ts";
import { timestamp } from "./timestamp.ts";

/** Who speaks in a message. The five usual names complete in an editor; any other string is allowed. */
export type Role =
  | "user"
  | "agent"
  | "system"
  | "tool"
  | "assistant"
  | (string & Record<never, never>);

/** What {@linkcode Message.with} may change. Fields left out stay as they are. */
export interface MessageChanges {
  /** The new role. */
  readonly role?: Role;
  /** The new content. */
  readonly content?: Json;
  /** The new metadata; replaces the old as a whole. Spread the old one to add a key. */
  readonly metadata?: JsonObject;
  /** The new timestamp, RFC 3339 with a zone; kept in UTC with milliseconds. */
  readonly timestamp?: string;
}

/** What {@linkcode message} makes a message from. */
export interface MessageInit {
  /** Who speaks. */
  readonly role: Role;
  /** What is said: usually text, but any JSON is allowed. */
  readonly content: Json;
  /** Whatever travels along. @default {{}} */
  readonly metadata?: JsonObject | undefined;
  /** RFC 3339 with a zone; kept in UTC with milliseconds. Default: now. */
  readonly timestamp?: string | undefined;
}

/**
 * What agents exchange. Immutable all the way down: made by
 * {@linkcode message}, changed by `with`, which returns a new one.
 */
export interface Message {
  /** Who speaks; never empty. */
  readonly role: Role;
  /** What is said. {@linkcode text} reads it as a string. */
  readonly content: Json;
  /** Whatever travels along. */
  readonly metadata: JsonObject;
  /** When it was made: RFC 3339, UTC, milliseconds, `Z`. */
  readonly timestamp: string;
  /**
   * A copy with some fields changed.
   *
   * @throws {TypeError} If a changed field is not valid.
   */
  with(changes: MessageChanges): Message;
}

/** The years 0 to 9999, which is all that RFC 3339 can write. */
const FIRST_MS = -62_167_219_200_000;
const LAST_MS = 253_402_300_799_999;

class MessageValue implements Message {
  readonly role: Role;
  readonly content: Json;
  readonly metadata: JsonObject;
  readonly timestamp: string;

  constructor(role: Role, content: Json, metadata: JsonObject, at: string) {
    this.role = role;
    this.content = content;
    this.metadata = metadata;
    this.timestamp = at;
    Object.freeze(this);
  }

  with(changes: MessageChanges): Message {
    return new MessageValue(
      changes.role === undefined ? this.role : checkRole(changes.role),
      changes.content === undefined ? this.content : toJson(changes.content, "content"),
      changes.metadata === undefined ? this.metadata : toJsonObject(changes.metadata, "metadata"),
      changes.timestamp === undefined ? this.timestamp : checkTimestamp(changes.timestamp),
    );
  }
}

/**
 * Makes a message. What is given is checked, copied and frozen, so later
 * changes to the caller's objects cannot reach it.
 *
 * @example
 * ```ts
 * import { message } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const question = message("user", "What is a deadline?", { session: "s1" });
 * const louder = question.with({ content: "WHAT IS A DEADLINE?" });
 * assert.equal(question.content, "What is a deadline?");
 * assert.equal(louder.metadata.session, "s1");
 * ```
 *
 * @throws {TypeError} If the role is empty, or content or metadata is not JSON; names the path;
 * or if the timestamp is not an RFC 3339 date.
 */
export function message(role: Role, content: Json, metadata?: JsonObject): Message;
/** Makes a message from an object with its fields. */
export function message(init: MessageInit): Message;
export function message(
  roleOrInit: Role | MessageInit,
  content?: Json,
  metadata?: JsonObject,
): Message {
  if (typeof roleOrInit === "string") {
    return new MessageValue(
      checkRole(roleOrInit),
      toJson(content, "content"),
      metadata === undefined ? EMPTY_OBJECT : toJsonObject(metadata, "metadata"),
      timestamp(),
    );
  }
  if (typeof roleOrInit !== "object" || roleOrInit === null) {
    throw new TypeError(
      `Cannot make a message: expected a role or an object, got ${describe(roleOrInit)}`,
    );
  }
  const init = roleOrInit;
  return new MessageValue(
    checkRole(init.role),
    toJson(init.content, "content"),
    init.metadata === undefined ? EMPTY_OBJECT : toJsonObject(init.metadata, "metadata"),
    init.timestamp === undefined ? timestamp() : checkTimestamp(init.timestamp),
  );
}

/** Whether a value was made by {@linkcode message} of this copy of the package. */
export function isMessage(value: unknown): value is Message {
  return value instanceof MessageValue;
}

/**
 * Makes a message from fields that a parser has just produced and that were
 * checked already: they are frozen in place instead of copied.
 */
export function adoptMessage(
  role: Role,
  content: Json,
  metadata: JsonObject,
  at: string,
): Message {
  return new MessageValue(
    role,
    freezeParsed(content, "content"),
    freezeParsed(metadata, "metadata"),
    at,
  );
}

/** Makes a message of now from text and metadata that is frozen JSON: nothing is checked or copied. */
export function trustedMessage(role: Role, content: string, metadata: JsonObject): Message {
  return new MessageValue(role, content, metadata, timestamp());
}

/**
 * Adds keys to a message's metadata, on a copy. What is added has to be JSON
 * and frozen already: nothing is checked or copied, which makes this many
 * times cheaper than `with`.
 */
export function annotate(original: Message, extra: JsonObject): Message {
  const metadata = original.metadata === EMPTY_OBJECT
    ? extra
    : Object.freeze({ ...original.metadata, ...extra });
  return new MessageValue(original.role, original.content, metadata, original.timestamp);
}

/**
 * The content of a message as text: a string as it is, `null` as the empty
 * string, anything else as JSON text.
 *
 * @example
 * ```ts
 * import { message, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(text(message("user", "hi")), "hi");
 * assert.equal(text(message("user", { a: 1 })), '{"a":1}');
 * ```
 */
export function text(value: { readonly content: Json }): string {
  const { content } = value;
  if (typeof content === "string") return content;
  return content === null ? "" : JSON.stringify(content);
}

function checkRole(role: unknown): Role {
  if (typeof role === "string" && role !== "") return role;
  throw new TypeError(
    `Cannot make a message: 'role' must be a non-empty string, got ${describe(role)}`,
  );
}

const RFC_3339 = /^\d{4}-\d\d-(\d\d)T([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

// Stricter than Date.parse, which takes other texts on other runtimes, and
// reads a date without a zone as local time.
function checkTimestamp(value: unknown): string {
  const upper = typeof value === "string" ? value.toUpperCase() : "";
  const day = RFC_3339.exec(upper)?.[1];
  if (day !== undefined && dayExists(upper, Number(day))) {
    const at = Date.parse(upper);
    if (at >= FIRST_MS && at <= LAST_MS) return timestamp(at);
  }
  throw new TypeError(
    "Cannot make a message: 'timestamp' must be an RFC 3339 date with a zone, " +
      `got ${describe(value)}`,
  );
}

/** Some runtimes take February 30 for March 2. */
function dayExists(date: string, day: number): boolean {
  return day <= 28 || new Date(`${date.slice(0, 10)}T00:00Z`).getUTCDate() === day;
}
