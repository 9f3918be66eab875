import type { MessageInitShape } from "@bufbuild/protobuf";
import { AgenkitError } from "../../core/errors.ts";
import { describe, type Json } from "../../core/json.ts";
import { adoptMessage, isMessage, type Message } from "../../core/message.ts";
import { timestamp } from "../../core/timestamp.ts";
import type { Message as ProtoMessage, MessageSchema } from "../../gen/agent_pb.ts";
import { checkedMessage } from "../../protocol/encode.ts";
import { readTimestamp } from "../../protocol/wire_timestamp.ts";
import { readTextMap } from "./peer_text.ts";

/** The metadata that carries a trace: a map, which peers make a text of in their own ways. */
const TRACE_KEY = "trace_context";

/**
 * Writes a message as protobuf, where all is text: what is no string becomes
 * JSON text, which every peer can read, with a mark by which TypeScript peers
 * get the value back.
 *
 * @throws {TypeError} If the message is not one or holds what is not JSON.
 */
export function writeProtoMessage(message: Message): MessageInitShape<typeof MessageSchema> {
  const { role, content, metadata, timestamp } = isMessage(message)
    ? message
    : checkedMessage(message);
  const texts: Record<string, string> = {};
  const jsonMetadata: string[] = [];
  for (const key in metadata) {
    const value = metadata[key]!;
    if (typeof value === "string") texts[key] = value;
    else {
      texts[key] = JSON.stringify(value);
      jsonMetadata.push(key);
    }
  }
  const jsonContent = typeof content !== "string";
  return {
    role,
    content: jsonContent ? JSON.stringify(content) : content,
    metadata: texts,
    timestamp,
    jsonContent,
    jsonMetadata,
  };
}

/**
 * Reads a message of any peer. Text stays text, also where it looks like JSON,
 * unless a TypeScript peer says that it stands for a value.
 *
 * @param proto The message.
 * @param defaultRole What an empty role means, which Go agents may write.
 * @param parseContent Whether content that is JSON becomes its value, though no mark says so.
 * @throws {AgenkitError} With code `invalid_argument`.
 */
export function readProtoMessage(
  proto: ProtoMessage,
  defaultRole: string,
  parseContent = false,
): Message {
  const metadata: Record<string, Json> = {};
  for (const key in proto.metadata) metadata[key] = proto.metadata[key]!;
  for (const key of proto.jsonMetadata) {
    const text = proto.metadata[key];
    if (text !== undefined) metadata[key] = parse(text, `metadata.${key}`);
  }
  const trace = metadata[TRACE_KEY];
  if (typeof trace === "string") metadata[TRACE_KEY] = readTextMap(trace) ?? trace;
  return adopt(
    proto.role || defaultRole,
    proto.jsonContent
      ? parse(proto.content, "content")
      : parseContent
      ? valueOf(proto.content)
      : proto.content,
    metadata,
    proto.timestamp === "" ? timestamp() : readTimestamp(proto.timestamp),
    proto.timestamp,
  );
}

function adopt(
  role: string,
  content: Json,
  metadata: Record<string, Json>,
  at: string | undefined,
  written: string,
): Message {
  if (at === undefined) throw wrong("timestamp", "an RFC 3339 date", written);
  try {
    return adoptMessage(role, content, metadata, at);
  } catch (cause) {
    // Values too deep or with forbidden keys are found while they are frozen.
    throw new AgenkitError("invalid_argument", (cause as Error).message, { cause });
  }
}

function parse(text: string, path: string): Json {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw wrong(path, "JSON text", text, cause);
  }
}

/** What a text means to a peer that cannot say whether it means text. */
function valueOf(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function wrong(path: string, expected: string, got: string, cause?: unknown): AgenkitError {
  return new AgenkitError(
    "invalid_argument",
    `Cannot read the message's ${path}: expected ${expected}, got ${describe(got)}`,
    { cause },
  );
}
