import type { Json } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import type { CacheEntry } from "./cache_store.ts";

/** What an object or array takes besides what is in it, roughly. */
const OBJECT_BYTES = 32;
/** What a number or a reference takes. */
const VALUE_BYTES = 8;

/**
 * How much memory an entry takes, roughly: two bytes for each UTF-16 unit of
 * its texts, and something for each value and object.
 */
export function entryBytes(key: string, entry: CacheEntry): number {
  let bytes = OBJECT_BYTES + 2 * key.length + messageBytes(entry.request);
  for (const message of entry.messages) bytes += messageBytes(message);
  return bytes;
}

/** How much memory a message takes, roughly. */
export function messageBytes(message: Message): number {
  return OBJECT_BYTES + 2 * (message.role.length + message.timestamp.length) +
    jsonBytes(message.content) + jsonBytes(message.metadata);
}

function jsonBytes(value: Json): number {
  if (typeof value === "string") return VALUE_BYTES + 2 * value.length;
  if (typeof value !== "object" || value === null) return VALUE_BYTES;
  let bytes = OBJECT_BYTES;
  for (const [key, item] of Object.entries(value)) {
    bytes += (Array.isArray(value) ? 0 : 2 * key.length) + jsonBytes(item);
  }
  return bytes;
}
