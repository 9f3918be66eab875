import { type Agent, assertAgent, type StreamingAgent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import { describe, type JsonObject } from "../core/json.ts";
import { annotate, type Message } from "../core/message.ts";
import { checkOptions } from "../core/options.ts";
import { throwIfAborted } from "../core/signals.ts";
import { raced, streamChild } from "../core/child_call.ts";
import { toMessage } from "../core/reply.ts";
import { anyStreams, checkList, Composition, type CompositionOptions } from "./children.ts";
import { checkVerdict, type Condition } from "./conditions.ts";
import { located } from "./failure_path.ts";
import { choiceFailed, RoutingError } from "./routing_error.ts";

/** A way that {@linkcode conditional} may send a message. */
export interface Route<A extends Agent = Agent> {
  /** Whether this is the way. */
  readonly when: Condition;
  /** Who answers then. */
  readonly agent: A;
}

/** Options of {@linkcode conditional}. */
export interface ConditionalOptions<A extends Agent = Agent> extends CompositionOptions {
  /** Who answers what fits no route. Without it such a call is rejected. */
  readonly otherwise?: A | undefined;
}

/** What {@linkcode conditional} makes. */
export interface ConditionalAgent extends Agent {
  /** The routes, in the order in which they are asked. Frozen. */
  readonly routes: readonly Route[];
  /** Who answers what fits no route. */
  readonly otherwise: Agent | undefined;
}

/**
 * Makes one agent of several, each with a condition: the first whose condition
 * holds answers, and nobody else is asked.
 *
 * - The answer says in its metadata who gave it, `conditional_agent_used`, and
 *   by which route, `conditional_route`: its position from 1, or `"default"`.
 * - Streams if any of the agents does; one that cannot gives its whole answer
 *   as one chunk.
 * - An agent's error is passed on as it is; `failurePath` tells the route. A
 *   condition that throws, and a message that nobody is there for, reject with
 *   a {@linkcode RoutingError}.
 *
 * @example
 * ```ts
 * import { agent, conditional, contentContains, message, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const billing = agent("billing", () => "Your invoice is on its way");
 * const support = agent("support", () => "Have you tried turning it off and on?");
 * const desk = conditional([{ when: contentContains("invoice"), agent: billing }], {
 *   otherwise: support,
 * });
 * const answer = await desk.process(message("user", "Where is my invoice?"));
 * assert.equal(text(answer), "Your invoice is on its way");
 * assert.deepEqual(answer.metadata, {
 *   conditional_agent_used: "billing",
 *   conditional_route: 1,
 * });
 * ```
 *
 * @param routes The routes, the first that fits counts; at least one.
 * @throws {TypeError} If there is no route, or something is not what it should be.
 */
export function conditional(
  routes: readonly Route<StreamingAgent>[],
  options?: ConditionalOptions<StreamingAgent>,
): ConditionalAgent & StreamingAgent;
/** Makes one agent of several that may or may not stream. */
export function conditional(
  routes: readonly Route[],
  options?: ConditionalOptions,
): ConditionalAgent;
export function conditional(
  routes: readonly Route[],
  options: ConditionalOptions = {},
): ConditionalAgent {
  return new Conditional(checkRoutes(routes), checkOptions("make a conditional agent", options));
}

/** Who answers, as errors and metadata call it. */
interface Choice {
  readonly agent: Agent;
  readonly at: number | "default";
  readonly tag: JsonObject;
}

class Conditional extends Composition implements ConditionalAgent {
  readonly routes: readonly Route[];
  readonly otherwise: Agent | undefined;
  declare readonly stream?: NonNullable<Agent["stream"]>;
  readonly #choices: readonly Choice[];
  readonly #default: Choice | undefined;

  constructor(routes: readonly Route[], options: ConditionalOptions) {
    const { otherwise } = options;
    if (otherwise !== undefined) {
      assertAgent(otherwise, "Cannot make a conditional agent with 'otherwise'");
    }
    const agents = routes.map((route) => route.agent);
    if (otherwise !== undefined) agents.push(otherwise);
    super("conditional", options.name, agents);
    this.routes = routes;
    this.otherwise = otherwise;
    this.#choices = routes.map(({ agent }, i) => choice(agent, i));
    if (otherwise !== undefined) this.#default = choice(otherwise, "default");
    if (anyStreams(agents)) this.stream = (request, call) => this.#stream(request, call);
  }

  process(request: Message, call?: CallOptions): Promise<Message> {
    return raced(this.#run(request, call), call);
  }

  async #run(request: Message, call: CallOptions | undefined): Promise<Message> {
    throwIfAborted(call);
    const chosen = this.#choose(0, request, call);
    const { agent, at, tag } = chosen instanceof Promise ? await chosen : chosen;
    try {
      return annotate(toMessage(agent.name, await agent.process(request, call)), tag);
    } catch (error) {
      throwIfAborted(call);
      throw located(error, this, agent, at);
    }
  }

  async *#stream(request: Message, call: CallOptions | undefined): AsyncGenerator<Message> {
    throwIfAborted(call);
    const choosing = async () => await this.#choose(0, request, call);
    const { agent, at, tag } = await raced(choosing(), call);
    try {
      for await (const chunk of streamChild(agent, request, call)) yield annotate(chunk, tag);
    } catch (error) {
      throwIfAborted(call);
      throw located(error, this, agent, at);
    }
  }

  /** Finds the first route that fits, from some position on. Synchronous while conditions are. */
  #choose(
    from: number,
    request: Message,
    call: CallOptions | undefined,
  ): Choice | Promise<Choice> {
    for (let i = from; i < this.routes.length; i++) {
      try {
        const verdict = this.routes[i]!.when(request, call);
        if (verdict instanceof Promise) return this.#chooseLater(verdict, i, request, call);
        if (checkVerdict(verdict)) return this.#choices[i]!;
      } catch (error) {
        throw this.#conditionFailed(error, i);
      }
    }
    if (this.#default !== undefined) return this.#default;
    throw new RoutingError(
      "not_found",
      `No condition of '${this.name}' matched and it has no default agent`,
      { composition: this.name },
    );
  }

  async #chooseLater(
    pending: Promise<boolean>,
    index: number,
    request: Message,
    call: CallOptions | undefined,
  ): Promise<Choice> {
    let fits: boolean;
    try {
      fits = checkVerdict(await pending);
    } catch (error) {
      throw this.#conditionFailed(error, index);
    }
    throwIfAborted(call);
    return fits ? this.#choices[index]! : this.#choose(index + 1, request, call);
  }

  #conditionFailed(error: unknown, index: number): RoutingError {
    const what = `The condition of route ${index + 1} (${this.routes[index]!.agent.name})`;
    return choiceFailed(error, what, this.name, index);
  }
}

function choice(agent: Agent, at: number | "default"): Choice {
  const route = at === "default" ? at : at + 1;
  const tag = Object.freeze({ conditional_agent_used: agent.name, conditional_route: route });
  return { agent, at, tag };
}

function checkRoutes(routes: readonly Route[]): readonly Route[] {
  const copy = checkList("conditional", "routes", routes).map((route, i) => {
    if (typeof route !== "object" || route === null || typeof route.when !== "function") {
      throw new TypeError(
        `Cannot make a conditional agent: expected route ${i} to have a function 'when', got ${
          describe(typeof route === "object" && route !== null ? route.when : route)
        }`,
      );
    }
    assertAgent(route.agent, `Cannot make a conditional agent of the agent of route ${i}`);
    return Object.freeze({ when: route.when, agent: route.agent });
  });
  return Object.freeze(copy);
}
