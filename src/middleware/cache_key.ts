import { EMPTY_OBJECT, type Json, type JsonObject, toJson, toJsonObject } from "../core/json.ts";
import { isMessage, type Message } from "../core/message.ts";

/** Metadata that differs with every call and says nothing of what is asked. */
const VOLATILE: ReadonlySet<string> = new Set([
  "trace_context",
  "traceparent",
  "tracestate",
  "baggage",
  "request_id",
  "requestId",
  "correlation_id",
  "correlationId",
  "message_id",
  "messageId",
  "timestamp",
]);

/**
 * A text that is the same for two messages exactly when they ask the same:
 * role, content and metadata, with the keys of objects sorted (as RFC 8785
 * sorts them) and types kept apart (`1` is not `"1"`). Left out are the
 * timestamp and metadata that differs with every call. Texts say how long they
 * are instead of being escaped, which is what would take the time.
 *
 * @throws {TypeError} If the message was not made by `message` and is not JSON.
 */
export function canonicalKey(message: Message): string {
  let { content, metadata } = message;
  if (!isMessage(message)) {
    content = toJson(content, "content");
    metadata = toJsonObject(metadata, "metadata");
  }
  const { role } = message;
  const head = `${role.length}:${role}${metadata === EMPTY_OBJECT ? "" : known(metadata)}`;
  // What comes last need not say where it ends.
  return typeof content === "string" ? `${head}"${content}` : `${head}=${encode(content)}`;
}

/** The metadata that counts; nothing if there is none, as for a message without. */
function known(metadata: JsonObject): string {
  const keys: string[] = [];
  for (const key of Object.keys(metadata)) if (!VOLATILE.has(key)) keys.push(key);
  return keys.length === 0 ? "" : encodeObject(metadata, keys);
}

function encode(value: Json): string {
  switch (typeof value) {
    case "string":
      return `"${value.length}:${value}`;
    case "number":
      return `#${value},`;
    case "boolean":
      return value ? "t" : "f";
  }
  if (value === null) return "n";
  if (!Array.isArray(value)) return encodeObject(value as JsonObject, Object.keys(value));
  let text = `[${value.length}:`;
  for (const item of value) text += encode(item);
  return text;
}

function encodeObject(value: JsonObject, keys: string[]): string {
  sort(keys);
  let text = "{" + keys.length + ":";
  for (const key of keys) text += key.length + ":" + key + encode(value[key]!);
  return text;
}

/** Sorts by UTF-16 units, as `sort` does. That takes three times as long for a few keys. */
function sort(keys: string[]): void {
  if (keys.length > 12) return void keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i]!;
    let place = i;
    for (; place > 0 && keys[place - 1]! > key; place--) keys[place] = keys[place - 1]!;
    keys[place] = key;
  }
}
