import { type Agent, assertAgent, type StreamingAgent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import { describe } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import { checkOptions } from "../core/options.ts";
import { throwIfAborted } from "../core/signals.ts";
import { raced, streamChild } from "../core/child_call.ts";
import { toMessage } from "../core/reply.ts";
import {
  anyStreams,
  checkAgents,
  Composition,
  type CompositionOptions,
  refuseDuplicates,
} from "./children.ts";
import { located } from "./failure_path.ts";
import { choiceFailed, RoutingError } from "./routing_error.ts";

/**
 * Names the agent that answers a message, or `undefined` if none fits. May be
 * asynchronous; the call's options are there to be handed on.
 */
export type RouteFunction = (
  message: Message,
  call?: CallOptions,
) => string | undefined | Promise<string | undefined>;

/** Options of {@linkcode router}. */
export interface RouterOptions<A extends Agent = Agent> extends CompositionOptions {
  /** Names the agent that answers. */
  readonly route: RouteFunction;
  /** Who answers when the name is unknown, or none. Without it such a call is rejected. */
  readonly otherwise?: A | undefined;
}

/** Agents by the names that a {@linkcode RouteFunction} gives them, or a list, by their own names. */
export type Handlers<A extends Agent = Agent> = readonly A[] | Readonly<Record<string, A>>;

/** What {@linkcode router} makes. */
export interface RouterAgent extends Agent {
  /** The agents by name. Frozen, and without a prototype. */
  readonly handlers: Readonly<Record<string, Agent>>;
  /** Who answers when the name is unknown. */
  readonly otherwise: Agent | undefined;
}

/**
 * Makes one agent of several, and a function that names the one to answer:
 * what a condition for each is too long-winded for, or what a model decides.
 *
 * - The answer is passed on as it is.
 * - Streams if any of the agents does; one that cannot gives its whole answer
 *   as one chunk.
 * - An agent's error is passed on as it is; `failurePath` tells whose it was.
 *   A route function that throws, and a name that is unknown where there is no
 *   `otherwise`, reject with a {@linkcode RoutingError}.
 *
 * @example
 * ```ts
 * import { agent, message, router, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const hello = router({
 *   de: agent("german", () => "Hallo"),
 *   fr: agent("french", () => "Bonjour"),
 * }, {
 *   route: (m) => String(m.metadata.language),
 *   otherwise: agent("english", () => "Hello"),
 * });
 * assert.equal(text(await hello.process(message("user", "hi", { language: "fr" }))), "Bonjour");
 * assert.equal(text(await hello.process(message("user", "hi"))), "Hello");
 * ```
 *
 * @param handlers The agents by name, or a list of agents whose own names count; at least one.
 * @throws {TypeError} If there is no agent, two of a list have one name, or something is not what
 * it should be.
 */
export function router(
  handlers: Handlers<StreamingAgent>,
  options: RouterOptions<StreamingAgent>,
): RouterAgent & StreamingAgent;
/** Makes one agent of several that may or may not stream. */
export function router(handlers: Handlers, options: RouterOptions): RouterAgent;
export function router(handlers: Handlers, options: RouterOptions): RouterAgent {
  return new Router(toMap(handlers), checkOptions("make a router agent", options));
}

interface Choice {
  readonly agent: Agent;
  /** The name it was chosen by. */
  readonly at: string;
}

class Router extends Composition implements RouterAgent {
  readonly handlers: Readonly<Record<string, Agent>>;
  readonly otherwise: Agent | undefined;
  declare readonly stream?: NonNullable<Agent["stream"]>;
  readonly #choices: ReadonlyMap<string, Choice>;
  readonly #route: RouteFunction;

  constructor(handlers: ReadonlyMap<string, Agent>, options: RouterOptions) {
    const { otherwise, route } = options;
    if (typeof route !== "function") {
      throw new TypeError(
        `Cannot make a router agent as 'route' must be a function: current value is ${
          describe(route)
        }`,
      );
    }
    if (otherwise !== undefined) {
      assertAgent(otherwise, "Cannot make a router agent with 'otherwise'");
    }
    const agents = [...handlers.values()];
    if (otherwise !== undefined) agents.push(otherwise);
    super("router", options.name, agents);
    this.#choices = new Map([...handlers].map(([at, agent]) => [at, { agent, at }]));
    this.handlers = Object.freeze(Object.assign(Object.create(null), Object.fromEntries(handlers)));
    this.otherwise = otherwise;
    this.#route = route;
    if (anyStreams(agents)) this.stream = (request, call) => this.#stream(request, call);
  }

  process(request: Message, call?: CallOptions): Promise<Message> {
    return raced(this.#run(request, call), call);
  }

  async #run(request: Message, call: CallOptions | undefined): Promise<Message> {
    throwIfAborted(call);
    const chosen = this.#choose(request, call);
    const { agent, at } = chosen instanceof Promise ? await chosen : chosen;
    try {
      return toMessage(agent.name, await agent.process(request, call));
    } catch (error) {
      throwIfAborted(call);
      throw located(error, this, agent, at);
    }
  }

  async *#stream(request: Message, call: CallOptions | undefined): AsyncGenerator<Message> {
    throwIfAborted(call);
    const choosing = async () => await this.#choose(request, call);
    const { agent, at } = await raced(choosing(), call);
    try {
      yield* streamChild(agent, request, call);
    } catch (error) {
      throwIfAborted(call);
      throw located(error, this, agent, at);
    }
  }

  #choose(request: Message, call: CallOptions | undefined): Choice | Promise<Choice> {
    let key: unknown;
    try {
      key = this.#route(request, call);
    } catch (error) {
      throw choiceFailed(error, "The route function", this.name);
    }
    return key instanceof Promise ? this.#chooseLater(key, call) : this.#choiceOf(key);
  }

  async #chooseLater(pending: Promise<unknown>, call: CallOptions | undefined): Promise<Choice> {
    let key: unknown;
    try {
      key = await pending;
    } catch (error) {
      throw choiceFailed(error, "The route function", this.name);
    }
    throwIfAborted(call);
    return this.#choiceOf(key);
  }

  #choiceOf(key: unknown): Choice {
    const known = this.#choices.get(key as string);
    if (known !== undefined) return known;
    if (this.otherwise !== undefined && (key === undefined || typeof key === "string")) {
      return { agent: this.otherwise, at: "default" };
    }
    const names = [...this.#choices.keys()].map(describe).join(", ");
    throw new RoutingError(
      key === undefined || typeof key === "string" ? "not_found" : "internal",
      `The route function of '${this.name}' returned an unknown name: expected one of ${names}, ` +
        `got ${describe(key)}`,
      { composition: this.name },
    );
  }
}

function toMap(handlers: Handlers): ReadonlyMap<string, Agent> {
  if (Array.isArray(handlers)) {
    const agents = checkAgents("router", handlers);
    refuseDuplicates("router", agents);
    return new Map(agents.map((agent) => [agent.name, agent]));
  }
  if (typeof handlers !== "object" || handlers === null) {
    throw new TypeError(
      `Cannot make a router agent: expected agents by name, got ${describe(handlers)}`,
    );
  }
  const entries = Object.entries(handlers as Readonly<Record<string, Agent>>);
  if (entries.length === 0) {
    throw new TypeError("Cannot make a router agent: expected at least one of agents, got none");
  }
  for (const [key, agent] of entries) {
    assertAgent(agent, `Cannot make a router agent of handler ${describe(key)}`);
  }
  return new Map(entries);
}
