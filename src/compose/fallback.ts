import type { Agent, StreamingAgent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { AgentFailure } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { annotate, type Message } from "../core/message.ts";
import { checkFunction, checkOptions } from "../core/options.ts";
import { throwIfAborted } from "../core/signals.ts";
import { raced, streamChild } from "../core/child_call.ts";
import { toMessage } from "../core/reply.ts";
import { anyStreams, checkAgents, Composition, type CompositionOptions } from "./children.ts";
import { located } from "./failure_path.ts";
import { aggregateError, failureOf, textOf } from "./failures.ts";

/** Options of {@linkcode fallback}. */
export interface FallbackOptions extends CompositionOptions {
  /**
   * Whether the next agent may make up for an error. One that it may not is
   * what the call rejects with. It is not asked after the caller has aborted.
   *
   * @default {() => true}
   */
  readonly shouldFallback?: ((error: unknown, failure: AgentFailure) => boolean) | undefined;
}

/** What {@linkcode fallback} makes. */
export interface FallbackAgent extends Agent {
  /** The agents, in the order in which they are tried. Frozen. */
  readonly agents: readonly Agent[];
}

/**
 * Makes one agent of several of which the first that answers counts: the next
 * is asked only if the one before it failed.
 *
 * - The answer says in its metadata who gave it, `fallback_agent_used`, and at
 *   which attempt, `fallback_attempt`, from 1.
 * - Streams if any of the agents does; one that cannot gives its whole answer
 *   as one chunk. A failure before the first chunk falls over to the next
 *   agent; after it the failure is passed on, since what was said cannot be
 *   taken back. A stream that ends without a chunk is an answer, if an empty one.
 * - An abort by the caller is no failure: no further agent is asked.
 * - An agent that hangs does not fail: give it a `timeout`.
 *
 * If all fail, the call rejects with an `AggregateAgentError` that has each
 * agent's error.
 *
 * @example
 * ```ts
 * import { agent, fallback, message, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const best = agent("best", () => {
 *   throw new Error("overloaded");
 * });
 * const small = agent("small", (m) => `About ${text(m)}: ask again later`);
 * const answer = await fallback([best, small]).process(message("user", "tea"));
 * assert.equal(text(answer), "About tea: ask again later");
 * assert.deepEqual(answer.metadata, { fallback_agent_used: "small", fallback_attempt: 2 });
 * ```
 *
 * @param agents The agents, best first; at least one.
 * @throws {TypeError} If there is no agent, something else among them, or a bad option.
 */
export function fallback(
  agents: readonly StreamingAgent[],
  options?: FallbackOptions,
): FallbackAgent & StreamingAgent;
/** Makes one agent of several that may or may not stream. */
export function fallback(agents: readonly Agent[], options?: FallbackOptions): FallbackAgent;
export function fallback(agents: readonly Agent[], options: FallbackOptions = {}): FallbackAgent {
  return new Fallback(
    checkAgents("fallback", agents),
    checkOptions("make a fallback agent", options),
  );
}

class Fallback extends Composition implements FallbackAgent {
  readonly agents: readonly Agent[];
  declare readonly stream?: NonNullable<Agent["stream"]>;
  readonly #shouldFallback: FallbackOptions["shouldFallback"];
  readonly #tags: readonly JsonObject[];

  constructor(agents: readonly Agent[], options: FallbackOptions) {
    super("fallback", options.name, agents);
    checkFunction("make a fallback agent", "shouldFallback", options.shouldFallback);
    this.agents = agents;
    this.#shouldFallback = options.shouldFallback;
    this.#tags = agents.map(({ name }, i) =>
      Object.freeze({ fallback_agent_used: name, fallback_attempt: i + 1 })
    );
    if (anyStreams(agents)) this.stream = (request, call) => this.#stream(request, call);
  }

  process(request: Message, call?: CallOptions): Promise<Message> {
    return raced(this.#run(request, call), call);
  }

  async #run(request: Message, call: CallOptions | undefined): Promise<Message> {
    throwIfAborted(call);
    const failures: AgentFailure[] = [];
    for (let i = 0; i < this.agents.length; i++) {
      const child = this.agents[i]!;
      try {
        const answer = toMessage(child.name, await child.process(request, call));
        return annotate(answer, this.#tags[i]!);
      } catch (error) {
        failures.push(this.#failed(error, i, call));
      }
    }
    throw this.#allFailed(failures);
  }

  async *#stream(request: Message, call: CallOptions | undefined): AsyncGenerator<Message> {
    const failures: AgentFailure[] = [];
    for (let i = 0; i < this.agents.length; i++) {
      const child = this.agents[i]!;
      let begun = false;
      try {
        for await (const chunk of streamChild(child, request, call)) {
          begun = true;
          yield annotate(chunk, this.#tags[i]!);
        }
        return;
      } catch (error) {
        throwIfAborted(call);
        if (begun) throw located(error, this, child, i);
        failures.push(this.#failed(error, i, call));
      }
    }
    throw this.#allFailed(failures);
  }

  /** Notes a failure. Throws if no other agent may make up for it. */
  #failed(error: unknown, index: number, call: CallOptions | undefined): AgentFailure {
    throwIfAborted(call);
    const child = this.agents[index]!;
    const failure = failureOf(child, index, error);
    if (this.#shouldFallback !== undefined && !this.#shouldFallback(error, failure)) {
      throw located(error, this, child, index);
    }
    return failure;
  }

  #allFailed(failures: readonly AgentFailure[]): Error {
    const each = failures.map(({ agent, index, cause }) =>
      `agent ${index + 1} (${agent}): ${textOf(cause)}`
    );
    return aggregateError(
      `All ${failures.length} agents failed: ${each.join("; ")}`,
      failures,
      "one",
    );
  }
}
