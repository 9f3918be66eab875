import type { Json, JsonObject } from "../core/json.ts";
import { type Message, message } from "../core/message.ts";
import { formatResults } from "./format_results.ts";
import { callForHistory, readModelCalls, type RequestedCall } from "./requested_call.ts";
import type { ToolAgentRules } from "./tool_agent_options.ts";
import type { ToolResult } from "./tool_result.ts";

/** What has been said between the caller, the inner agent and its tools. */
export class Conversation {
  readonly #agent: string;
  readonly #rules: ToolAgentRules;
  readonly #request: Message;
  readonly #history: Json[];
  #message: Message;
  #made = 0;
  #rounds = 0;

  constructor(agent: string, request: Message, rules: ToolAgentRules) {
    this.#agent = agent;
    this.#rules = rules;
    this.#request = request;
    this.#message = request;
    const { history } = request.metadata;
    this.#history = Array.isArray(history) ? [...history] : [];
  }

  /** What the inner agent gets next. */
  get message(): Message {
    return this.#message;
  }

  /** How often tools have run. */
  get rounds(): number {
    return this.#rounds;
  }

  /** The calls that an answer of the inner agent asks for. */
  read(answer: Message): readonly RequestedCall[] {
    const calls = readModelCalls(this.#agent, own(answer.metadata, "tool_calls"), this.#made);
    this.#made += calls.length;
    return calls;
  }

  /** Goes on with the results of what the inner agent has asked for. */
  add(
    answer: Message,
    calls: readonly RequestedCall[],
    results: readonly ToolResult[],
  ): void {
    this.#rounds++;
    const next: Record<string, Json> = { ...this.#request.metadata, tool_results: results };
    if (this.#rules.history) {
      const asked = (answer.metadata.tool_calls as readonly Json[]).map((call, index) =>
        callForHistory(call, calls[index]!, this.#rules.maxArgumentBytes)
      );
      this.#history.push(
        entry(this.#message),
        entry(answer, { ...answer.metadata, tool_calls: asked }),
      );
      next.history = this.#history;
    }
    this.#message = message("tool", (this.#rules.format ?? formatResults)(results), next);
  }
}

/** A message as it is on the wire, without the history before it. */
function entry(said: Message, metadata: JsonObject = said.metadata): JsonObject {
  const { history: _, ...rest } = metadata;
  return { role: said.role, content: said.content, metadata: rest, timestamp: said.timestamp };
}

function own(metadata: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(metadata, key) ? metadata[key] : undefined;
}
