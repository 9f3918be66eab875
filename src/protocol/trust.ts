import type { Message } from "../core/message.ts";

/**
 * Removes the tool calls from a message that came over a network: a remote
 * peer must not make an agent run tools, unless the server was told to trust it.
 */
export function withoutToolCalls(message: Message): Message {
  if (!Object.hasOwn(message.metadata, "tool_calls")) return message;
  const { tool_calls: _, ...metadata } = message.metadata;
  return message.with({ metadata });
}
