import type { CallOptions } from "../core/call.ts";
import { type AgentFailure, codeOf } from "../core/errors.ts";
import { EMPTY_OBJECT, type Json, type JsonObject } from "../core/json.ts";
import { type Message, text, trustedMessage } from "../core/message.ts";
import type { Reply } from "../core/reply.ts";
import type { AgentResult } from "./agent_result.ts";

/**
 * Makes the answer of a `parallel` from the results of its agents, which come
 * in the order of the agents. May be asynchronous, and ask another agent to
 * judge: the call's options are there to be handed on.
 */
export type Aggregate = (
  results: readonly AgentResult[],
  message: Message,
  call?: CallOptions,
) => Reply | Promise<Reply>;

/**
 * The usual answer of a `parallel`: a line `[agent]: text` for each answer, in
 * the order of the agents, and their metadata as `{agent}.{key}`. Agents that
 * failed are listed as `parallel_failures`.
 */
export function joinAnswers(
  results: readonly AgentResult[],
  failures: readonly AgentFailure[],
): Message {
  let content = "";
  let metadata: Record<string, Json> | undefined;
  for (const result of results) {
    if (result.status !== "answered") continue;
    const { agent, message } = result;
    content += `${content === "" ? "" : "\n"}[${agent}]: ${text(message)}`;
    if (message.metadata === EMPTY_OBJECT) continue;
    for (const key of Object.keys(message.metadata)) {
      (metadata ??= {})[`${agent}.${key}`] = message.metadata[key]!;
    }
  }
  if (failures.length > 0) metadata = { ...metadata, ...failureTag(failures) };
  return trustedMessage(
    "agent",
    content,
    metadata === undefined ? EMPTY_OBJECT : Object.freeze(metadata),
  );
}

/** Metadata that lists failures by agent and code; texts may tell what is nobody's business. */
export function failureTag(failures: readonly AgentFailure[]): JsonObject {
  const list = failures.map(({ agent, index, cause }) =>
    Object.freeze({ agent, index, code: codeOf(cause) ?? "unknown" })
  );
  return Object.freeze({ parallel_failures: Object.freeze(list) });
}
