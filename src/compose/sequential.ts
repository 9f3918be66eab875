import type { Agent, StreamingAgent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { checkOptions } from "../core/options.ts";
import { throwIfAborted } from "../core/signals.ts";
import { raced, streamChild } from "../core/child_call.ts";
import { toMessage } from "../core/reply.ts";
import { checkAgents, Composition, type CompositionOptions } from "./children.ts";
import { located } from "./failure_path.ts";

/** Options of {@linkcode sequential}. */
export type SequentialOptions = CompositionOptions;

/** What {@linkcode sequential} makes. */
export interface SequentialAgent extends Agent {
  /** The steps, in order. Frozen. */
  readonly agents: readonly Agent[];
}

/**
 * Makes one agent of several that work one after the other: each gets the
 * answer of the one before it, the last one's answer is the answer.
 *
 * - Streams exactly when the last step does: the earlier ones run to completion
 *   when the stream is first read, then the last one's chunks are passed on.
 * - A step that fails ends the sequence with the very error that it threw;
 *   `failurePath` tells which step it was.
 * - Every step gets the caller's signal, deadline and values. Once the signal
 *   aborts, the call rejects at once with its reason, and no further step starts.
 *
 * @example
 * ```ts
 * import { agent, message, sequential, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const trim = agent("trim", (m) => text(m).trim());
 * const shout = agent("shout", (m) => text(m).toUpperCase());
 * const tidy = sequential([trim, shout], { name: "tidy" });
 * assert.equal(text(await tidy.process(message("user", "  hello "))), "HELLO");
 * ```
 *
 * @param agents The steps, in order; at least one.
 * @throws {TypeError} If there is no agent, or something else among them.
 */
export function sequential(
  agents: readonly [...Agent[], StreamingAgent],
  options?: SequentialOptions,
): SequentialAgent & StreamingAgent;
/** Makes one agent of several, the last of which may or may not stream. */
export function sequential(agents: readonly Agent[], options?: SequentialOptions): SequentialAgent;
export function sequential(
  agents: readonly Agent[],
  options: SequentialOptions = {},
): SequentialAgent {
  return new Sequential(
    checkAgents("sequential", agents),
    checkOptions("make a sequential agent", options),
  );
}

class Sequential extends Composition implements SequentialAgent {
  readonly agents: readonly Agent[];
  declare readonly stream?: NonNullable<Agent["stream"]>;

  constructor(agents: readonly Agent[], options: SequentialOptions) {
    super("sequential", options.name, agents);
    this.agents = agents;
    if (agents.at(-1)!.stream !== undefined) {
      this.stream = (request, call) => this.#stream(request, call);
    }
  }

  process(request: Message, call?: CallOptions): Promise<Message> {
    return raced(this.#run(this.agents.length, request, call), call);
  }

  /** Runs the first `count` steps. */
  async #run(count: number, request: Message, call: CallOptions | undefined): Promise<Message> {
    let current = request;
    let at = 0;
    try {
      for (; at < count; at++) {
        throwIfAborted(call);
        const step = this.agents[at]!;
        current = toMessage(step.name, await step.process(current, call));
      }
      return current;
    } catch (error) {
      throwIfAborted(call);
      throw located(error, this, this.agents[at]!, at);
    }
  }

  async *#stream(request: Message, call: CallOptions | undefined): AsyncGenerator<Message> {
    const last = this.agents.length - 1;
    const input = await raced(this.#run(last, request, call), call);
    const step = this.agents[last]!;
    try {
      yield* streamChild(step, input, call);
    } catch (error) {
      throwIfAborted(call);
      throw located(error, this, step, last);
    }
  }
}
