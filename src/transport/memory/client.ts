import { abortable } from "../../core/abortable.ts";
import type { StreamingAgent } from "../../core/agent.ts";
import type { CallOptions } from "../../core/call.ts";
import { AgenkitError } from "../../core/errors.ts";
import type { Message } from "../../core/message.ts";
import { checkOptions, checkText } from "../../core/options.ts";
import { throwIfAborted } from "../../core/signals.ts";
import { decodeEnvelope } from "../../protocol/decode.ts";
import { encodeRequest } from "../../protocol/encode.ts";
import { writeRequest } from "../exchange.ts";
import { handlerAt } from "./listen.ts";
import type { MemoryHandler } from "./server.ts";

/** Options of {@linkcode memoryAgent}. */
export interface MemoryAgentOptions {
  /** The agent's name, which also tells a handler that has several which one is meant. @default {"memory"} */
  readonly name?: string | undefined;
}

/**
 * Calls agents through the codec, without a socket: what they are given and
 * answer goes through the same envelopes as over a network, so a test of it
 * finds what the wire would change.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { memoryAgent, memoryHandler } from "@agenkit/agenkit/memory";
 * import assert from "node:assert/strict";
 *
 * const echo = memoryAgent(memoryHandler(agent("echo", (m) => `Echo: ${text(m)}`)));
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * ```
 *
 * @param target A handler, or the URL of a `listenMemory`, such as `memory://worker-1`.
 * @throws {TypeError} If it is neither, or an option is not valid.
 */
export function memoryAgent(
  target: MemoryHandler | string | URL,
  options: MemoryAgentOptions = {},
): StreamingAgent {
  const handler = typeof target === "function" ? target : handlerAt(target);
  return new MemoryAgent(handler, options);
}

const ACTION = "call in memory";

class MemoryAgent implements StreamingAgent {
  readonly name: string;
  readonly #agentName: string | undefined;
  readonly #handler: MemoryHandler;

  constructor(handler: MemoryHandler, options: MemoryAgentOptions) {
    checkOptions(ACTION, options);
    checkText(ACTION, "name", options.name);
    this.#handler = handler;
    this.#agentName = options.name;
    this.name = options.name ?? "memory";
  }

  async process(message: Message, call: CallOptions = {}): Promise<Message> {
    for await (const answer of this.#exchange("process", message, call)) return answer;
    throw new AgenkitError("internal", `Agent '${this.name}' gave no answer`);
  }

  stream(message: Message, call: CallOptions = {}): AsyncGenerator<Message, void, undefined> {
    return this.#exchange("stream", message, call);
  }

  async *#exchange(
    method: "process" | "stream",
    message: Message,
    call: CallOptions,
  ): AsyncGenerator<Message, void, undefined> {
    throwIfAborted(call);
    const id = crypto.randomUUID();
    const agentName = this.#agentName;
    const request = writeRequest(() => encodeRequest({ id, method, agentName, message }));
    const answers = this.#handler(request, call);
    for await (const text of call.signal ? abortable(answers, call.signal) : answers) {
      const envelope = decodeEnvelope(text);
      if (envelope.type === "error") throw envelope.error;
      if (envelope.type === "stream_end") return;
      if (envelope.type === "response" || envelope.type === "stream_chunk") yield envelope.message;
    }
  }
}
