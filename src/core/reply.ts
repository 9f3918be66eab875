import { describe, type Json, type JsonObject } from "./json.ts";
import { isMessage, type Message, message, type MessageInit, type Role, text } from "./message.ts";

/** What a handler may answer with: a message, its text, or the parts that differ from the usual. */
export type Reply = Message | string | {
  /** What is said. */
  readonly content: Json;
  /** Who speaks. @default {"agent"} */
  readonly role?: Role;
  /** Whatever travels along. @default {{}} */
  readonly metadata?: JsonObject;
};

/**
 * Makes a message of what a handler answered.
 *
 * @param name Whose answer it is, for the error's text.
 * @throws {TypeError} If it is neither a message nor what one can be made from.
 */
export function toMessage(name: string, answer: unknown): Message {
  if (isMessage(answer)) return answer;
  if (typeof answer === "string") return message("agent", answer);
  if (typeof answer === "object" && answer !== null && "content" in answer) {
    const { role = "agent", content, metadata, timestamp } = answer as MessageInit;
    return message({ role, content, metadata, timestamp });
  }
  throw new TypeError(
    `Cannot use what agent '${name}' answered: expected a message, a string or an object with ` +
      `'content', got ${
        isStream(answer) && !Array.isArray(answer)
          ? "a stream: give it as agent({ name, stream })"
          : describe(answer)
      }`,
  );
}

/** Joins the text of all chunks, with the metadata of the last that has a key winning. */
export async function joined(stream: AsyncIterable<Message>): Promise<Reply> {
  let content = "";
  const metadata: Record<string, Json> = {};
  let role: Role = "agent";
  for await (const chunk of stream) {
    content += text(chunk);
    Object.assign(metadata, chunk.metadata);
    role = chunk.role;
  }
  return { role, content, metadata };
}

/** Whether a value can be read with `for await`; a string is not meant that way. */
export function isStream(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    (Symbol.asyncIterator in value || Symbol.iterator in value);
}
