import type { CallOptions } from "./call.ts";
import { NO_OPTIONS } from "./call.ts";
import { AgenkitError } from "./errors.ts";
import { describe, type Json, type JsonObject } from "./json.ts";
import { isMessage, type Message, message, type MessageInit, type Role, text } from "./message.ts";
import { throwIfAborted } from "./signals.ts";

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

/** What a handler may answer with: a message, its text, or the parts that differ from the usual. */
export type Reply = Message | string | {
  /** What is said. */
  readonly content: Json;
  /** Who speaks. @default {"agent"} */
  readonly role?: Role;
  /** Whatever travels along. @default {{}} */
  readonly metadata?: JsonObject;
};

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

class FunctionAgent implements Agent {
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly #process: ProcessHandler;

  constructor(init: AgentInit) {
    if (typeof init.name !== "string" || init.name === "") {
      throw new TypeError(
        `Cannot make an agent: 'name' must be a non-empty string, got ${describe(init.name)}`,
      );
    }
    checkHandlers(init);
    checkCapabilities(init);
    this.name = init.name;
    this.capabilities = Object.freeze([...(init.capabilities ?? [])]);
    this.#process = init.process ??
      ((request, call) => joined((this as Agent).stream!(request, call)));
  }

  async process(request: Message, call: CallOptions = NO_OPTIONS): Promise<Message> {
    throwIfAborted(call);
    const answer = this.#process(request, call);
    // An answer that is there need not be waited for: that would cost more than the call.
    return toMessage(this.name, isPending(answer) ? await answer : answer);
  }
}

class FunctionStreamingAgent extends FunctionAgent implements StreamingAgent {
  readonly #stream: StreamHandler;

  constructor(init: AgentInit) {
    super(init);
    this.#stream = init.stream!;
  }

  async *stream(request: Message, call: CallOptions = NO_OPTIONS): AsyncGenerator<Message> {
    throwIfAborted(call);
    for await (const chunk of checkStream(this.name, this.#stream(request, call))) {
      yield toMessage(this.name, chunk);
    }
  }
}

function isPending(answer: Reply | Promise<Reply>): answer is Promise<Reply> {
  return typeof answer === "object" && answer !== null && !isMessage(answer) &&
    typeof (answer as { then?: unknown }).then === "function";
}

function checkHandlers(init: AgentInit): void {
  for (const key of ["process", "stream"] as const) {
    if (init[key] !== undefined && typeof init[key] !== "function") {
      throw new TypeError(
        `Cannot make agent '${init.name}': '${key}' must be a function, got ${describe(init[key])}`,
      );
    }
  }
  if (init.process === undefined && init.stream === undefined) {
    throw new TypeError(
      `Cannot make agent '${init.name}': expected a 'process' or a 'stream' function, got neither`,
    );
  }
}

function checkCapabilities({ name, capabilities = [] }: AgentInit): void {
  const bad = Array.isArray(capabilities)
    ? capabilities.findIndex((item) => typeof item !== "string")
    : 0;
  if (bad === -1) return;
  throw new TypeError(
    `Cannot make agent '${name}': 'capabilities' must be an array of strings, got ` +
      (Array.isArray(capabilities)
        ? `${describe(capabilities[bad])} in it`
        : describe(capabilities)),
  );
}

function checkStream(name: string, stream: AsyncIterable<Reply>): AsyncIterable<Reply> {
  if (isStream(stream)) return stream;
  throw new TypeError(
    `Cannot read the stream of agent '${name}': expected an async iterable, got ${
      describe(stream)
    }`,
  );
}

/** Whether a value can be read with `for await`; a string is not meant that way. */
function isStream(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    (Symbol.asyncIterator in value || Symbol.iterator in value);
}

/** Joins the text of all chunks, with the metadata of the last that has a key winning. */
async function joined(stream: AsyncIterable<Message>): Promise<Reply> {
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

const GENERATOR_TAGS = ["[object AsyncGeneratorFunction]", "[object GeneratorFunction]"];

function isGeneratorFunction(handler: unknown): boolean {
  return GENERATOR_TAGS.includes(Object.prototype.toString.call(handler));
}
