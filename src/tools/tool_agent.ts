import { type Agent, assertAgent, type StreamingAgent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import { askChild, raced, streamChild } from "../core/child_call.ts";
import { AgenkitError } from "../core/errors.ts";
import { describe, type Json } from "../core/json.ts";
import { type Message, message } from "../core/message.ts";
import { Conversation } from "./conversation.ts";
import { formatResults } from "./format_results.ts";
import { type ToolRegistry, toolRegistry } from "./registry.ts";
import { readRequestCalls } from "./requested_call.ts";
import { runCalls } from "./run_calls.ts";
import { StreamedAnswer } from "./streamed_answer.ts";
import type { Tool } from "./tool.ts";
import {
  type ToolAgentOptions,
  type ToolAgentRules,
  toolAgentRules,
} from "./tool_agent_options.ts";

/** An agent that runs tools, as {@linkcode toolAgent} makes it. */
export interface ToolAgent extends Agent {
  /** The tools it may run. */
  readonly registry: ToolRegistry;
}

/**
 * Gives an agent tools. It keeps the agent's name, adds `tool_calling` to its
 * capabilities, and streams if the agent does.
 *
 * Tools run in two cases. The inner agent, usually a model, asks for them: its
 * answer has `metadata.tool_calls`, a list of `{ id?, tool_name, parameters }`
 * (or `name` and `arguments`, as models write). They run, and the results go
 * back to it as a message of the role `tool` with `metadata.tool_results`, and
 * the conversation so far as `metadata.history`, until it answers without
 * asking. Or the request itself has `metadata.tool_calls`, as with Python and
 * Go: then they run, and the answer is their results; the inner agent is not asked.
 *
 * A tool that is not known, arguments that do not fit, a tool that fails, is
 * too slow or gives too much: each is a failed result among the others.
 *
 * @example
 * ```ts
 * import { agent, message, text, tool, toolAgent } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const weather = tool({
 *   name: "weather",
 *   description: "Tells the weather of a city",
 *   parameters: {
 *     type: "object",
 *     properties: { city: { type: "string" } },
 *     required: ["city"],
 *   },
 *   execute: ({ city }) => `Rain in ${city}`,
 * });
 * // Stands in for a model: it asks for the tool, then says what that gave.
 * const model = agent("model", (m) =>
 *   m.role === "tool"
 *     ? `The tool says: ${text(m).split("Success: ")[1]}`
 *     : {
 *       content: "",
 *       metadata: { tool_calls: [{ id: "1", name: "weather", arguments: { city: "Bergen" } }] },
 *     });
 *
 * const assistant = toolAgent(model, [weather]);
 * const answer = await assistant.process(message("user", "Do I need an umbrella in Bergen?"));
 * assert.equal(text(answer), "The tool says: Rain in Bergen");
 * ```
 *
 * @param inner The agent, usually a model.
 * @param tools A registry, or the tools themselves.
 * @throws {TypeError} If something given is of the wrong kind.
 * @throws {RangeError} If a number is out of bounds.
 */
export function toolAgent(
  inner: StreamingAgent,
  tools: ToolRegistry | Iterable<Tool>,
  options?: ToolAgentOptions,
): ToolAgent & StreamingAgent;
/** Gives tools to an agent that may or may not stream. */
export function toolAgent(
  inner: Agent,
  tools: ToolRegistry | Iterable<Tool>,
  options?: ToolAgentOptions,
): ToolAgent;
export function toolAgent(
  inner: Agent,
  tools: ToolRegistry | Iterable<Tool>,
  options: ToolAgentOptions = {},
): ToolAgent {
  assertAgent(inner, "Cannot make a tool agent");
  const registry = registryOf(tools);
  const rules = toolAgentRules(options);
  return inner.stream === undefined
    ? new ToolAgentValue(inner, registry, rules)
    : new StreamingToolAgentValue(inner as StreamingAgent, registry, rules);
}

function registryOf(tools: unknown): ToolRegistry {
  if (typeof tools === "object" && tools !== null) {
    if (Symbol.iterator in tools) return toolRegistry(tools as Iterable<Tool>);
    if (typeof (tools as Partial<ToolRegistry>).get === "function") return tools as ToolRegistry;
  }
  throw new TypeError(
    `Cannot make a tool agent: expected a registry or a list of tools, got ${describe(tools)}`,
  );
}

class ToolAgentValue implements ToolAgent {
  readonly registry: ToolRegistry;
  readonly rules: ToolAgentRules;
  readonly #inner: Agent;

  constructor(inner: Agent, registry: ToolRegistry, rules: ToolAgentRules) {
    this.#inner = inner;
    this.registry = registry;
    this.rules = rules;
  }

  get name(): string {
    return this.#inner.name;
  }

  get capabilities(): readonly string[] {
    return [...new Set([...this.#inner.capabilities ?? [], "tool_calling"])];
  }

  async process(request: Message, call?: CallOptions): Promise<Message> {
    const direct = await this.runRequest(request, call);
    if (direct !== undefined) return direct;
    const conversation = this.converse(request);
    for (;;) {
      const answer = await raced(askChild(this.#inner, conversation.message, call), call);
      if (!(await this.runAnswer(conversation, answer, call))) return answer;
    }
  }

  /** Runs what the request itself asks for; gives the answer, if it does. */
  async runRequest(request: Message, call: CallOptions | undefined): Promise<Message | undefined> {
    const { rules, registry } = this;
    if (!rules.acceptRequestCalls || !Object.hasOwn(request.metadata, "tool_calls")) return;
    const calls = readRequestCalls(request.metadata.tool_calls as Json);
    if (calls.length > rules.maxCalls) {
      throw new AgenkitError(
        "invalid_argument",
        `Too many tool calls: expected at most ${rules.maxCalls}, got ${calls.length}`,
      );
    }
    const batch = { registry, rules, source: "request", message: request } as const;
    const results = await runCalls(calls, batch, call);
    return message("agent", (rules.format ?? formatResults)(results), { tool_results: results });
  }

  /** Begins the conversation with the inner agent. */
  converse(request: Message): Conversation {
    if (!Object.hasOwn(request.metadata, "tool_calls")) {
      return new Conversation(this.name, request, this.rules);
    }
    // They were not accepted here, so the inner agent must not run them either.
    const { tool_calls: _, ...metadata } = request.metadata;
    return new Conversation(this.name, request.with({ metadata }), this.rules);
  }

  /** Runs what an answer asks for; tells whether it does. */
  async runAnswer(
    conversation: Conversation,
    answer: Message,
    call: CallOptions | undefined,
  ): Promise<boolean> {
    const { rules, registry } = this;
    if (rules.maxRounds === 0) return false;
    const calls = conversation.read(answer);
    if (calls.length === 0) return false;
    if (conversation.rounds === rules.maxRounds) {
      throw new AgenkitError(
        "resource_exhausted",
        `Agent '${this.name}' gave no answer: it still asked for tools after ` +
          `${rules.maxRounds} rounds of them`,
        { retryable: false, details: { rounds: rules.maxRounds } },
      );
    }
    const batch = { registry, rules, source: "model", message: answer } as const;
    conversation.add(answer, calls, await runCalls(calls, batch, call));
    return true;
  }
}

class StreamingToolAgentValue extends ToolAgentValue implements StreamingAgent {
  readonly #inner: StreamingAgent;

  constructor(inner: StreamingAgent, registry: ToolRegistry, rules: ToolAgentRules) {
    super(inner, registry, rules);
    this.#inner = inner;
  }

  async *stream(request: Message, call?: CallOptions): AsyncGenerator<Message> {
    const direct = await this.runRequest(request, call);
    if (direct !== undefined) return yield direct;
    const conversation = this.converse(request);
    if (this.rules.maxRounds === 0) {
      return yield* streamChild(this.#inner, conversation.message, call);
    }
    for (;;) {
      const round = new StreamedAnswer();
      for await (const chunk of streamChild(this.#inner, conversation.message, call)) {
        const visible = round.add(chunk);
        if (visible !== undefined) yield visible;
      }
      if (!(await this.runAnswer(conversation, round.answer(), call))) return;
    }
  }
}
