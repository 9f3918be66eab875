import type { Agent, AgentInit, ProcessHandler, StreamHandler, StreamingAgent } from "./agent.ts";
import { type CallOptions, NO_OPTIONS } from "./call.ts";
import { describe } from "./json.ts";
import { isMessage, type Message } from "./message.ts";
import { isStream, joined, type Reply, toMessage } from "./reply.ts";
import { throwIfAborted } from "./signals.ts";

/** An agent made from a function. */
export class FunctionAgent implements Agent {
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

/** An agent made from a function that answers bit by bit. */
export class FunctionStreamingAgent extends FunctionAgent implements StreamingAgent {
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
