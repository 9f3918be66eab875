import type { CallOptions } from "./call.ts";
import { AgenkitError } from "./errors.ts";
import { FunctionAgent, FunctionStreamingAgent } from "./function_agent.ts";
import { describe } from "./json.ts";
import type { Message } from "./message.ts";
import type { Reply } from "./reply.ts";

/**
 * The one thing everything here is, makes, wraps or calls. An object or class
 * with these members is an agent; {@linkcode agent} makes one from functions.
 */
export interface Agent {
  /** What it is called; never empty. */
  readonly name: string;
  /** What it can do, as words that callers may look for. */
  readonly capabilities?: readonly string[];
  /** Answers a message. Rejects with the signal's reason once that has aborted. */
  process(message: Message, call?: CallOptions): Promise<Message>;
  /** Answers a message bit by bit. Present only if the agent can. */
  stream?(message: Message, call?: CallOptions): AsyncIterable<Message>;
}

/** An agent that can stream for sure. */
export interface StreamingAgent extends Agent {
  /** Answers a message bit by bit. */
  stream(message: Message, call?: CallOptions): AsyncIterable<Message>;
}

/** Wraps an agent into another of the same name that adds something to its calls. */
export type Middleware = (next: Agent) => Agent;

/** Answers a message; given to {@linkcode agent}. */
export type ProcessHandler = (message: Message, call: CallOptions) => Reply | Promise<Reply>;

/** Answers a message bit by bit; given to {@linkcode agent}. */
export type StreamHandler = (message: Message, call: CallOptions) => AsyncIterable<Reply>;

/** What {@linkcode agent} makes an agent from; at least one of the two handlers is needed. */
export interface AgentInit {
  /** What it is called. */
  readonly name: string;
  /** What it can do. */
  readonly capabilities?: readonly string[] | undefined;
  /** Answers a message. Default: reads the stream to its end and joins its text. */
  readonly process?: ProcessHandler | undefined;
  /** Answers bit by bit. Without it the agent does not stream. */
  readonly stream?: StreamHandler | undefined;
}

/**
 * Makes an agent from a function, or from two. What a handler returns may be a
 * message or just its text; what it throws rejects the call.
 *
 * An async generator function makes an agent that streams; its `process` reads
 * the stream to the end and joins the text. Any other function that returns a
 * stream is given as `stream` of an object, since it does not tell beforehand.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const shout = agent("shout", (m) => text(m).toUpperCase());
 * assert.equal(text(await shout.process(message("user", "hello"))), "HELLO");
 * ```
 *
 * @throws {TypeError} If the name is empty, a handler or the capabilities are of the wrong kind,
 * or there is no handler.
 */
export function agent(
  name: string,
  handler: (message: Message, call: CallOptions) => AsyncIterable<Reply>,
): StreamingAgent;
/** Makes an agent from a function that answers at once. */
export function agent(name: string, handler: ProcessHandler): Agent;
/** Makes an agent that streams, from an object. */
export function agent(init: AgentInit & { readonly stream: StreamHandler }): StreamingAgent;
/** Makes an agent from an object. */
export function agent(init: AgentInit): Agent;
export function agent(
  nameOrInit: string | AgentInit,
  handler?: ProcessHandler | StreamHandler,
): Agent {
  if (typeof nameOrInit === "string") {
    if (typeof handler !== "function") {
      throw new TypeError(
        `Cannot make agent '${nameOrInit}': expected a function, got ${describe(handler)}`,
      );
    }
    return isGeneratorFunction(handler)
      ? new FunctionStreamingAgent({ name: nameOrInit, stream: handler as StreamHandler })
      : new FunctionAgent({ name: nameOrInit, process: handler as ProcessHandler });
  }
  if (typeof nameOrInit !== "object" || nameOrInit === null) {
    throw new TypeError(
      `Cannot make an agent: expected a name or an object, got ${describe(nameOrInit)}`,
    );
  }
  return nameOrInit.stream === undefined
    ? new FunctionAgent(nameOrInit)
    : new FunctionStreamingAgent(nameOrInit);
}

/** Whether a value has what makes an agent. */
export function isAgent(value: unknown): value is Agent {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const candidate = value as Partial<Agent>;
  return typeof candidate.name === "string" && candidate.name !== "" &&
    typeof candidate.process === "function" &&
    (candidate.stream === undefined || typeof candidate.stream === "function");
}

/**
 * Refuses what is not an agent.
 *
 * @param value What should be an agent.
 * @param where Begins the error's text, such as `"Cannot wrap"`.
 * @throws {TypeError} If it is none.
 */
export function assertAgent(value: unknown, where: string): asserts value is Agent {
  if (isAgent(value)) return;
  throw new TypeError(
    `${where}: expected an agent (a non-empty 'name' and a 'process' function), got ${
      describe(value)
    }`,
  );
}

/** The agent's stream, for callers that need one. */
export function streamOf(
  target: Agent,
  request: Message,
  call?: CallOptions,
): AsyncIterable<Message> {
  if (target.stream === undefined) {
    throw new AgenkitError("unimplemented", `Agent '${target.name}' does not support streaming`);
  }
  return target.stream(request, call);
}

const GENERATOR_TAGS = ["[object AsyncGeneratorFunction]", "[object GeneratorFunction]"];

function isGeneratorFunction(handler: unknown): boolean {
  return GENERATOR_TAGS.includes(Object.prototype.toString.call(handler));
}
