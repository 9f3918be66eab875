import { type Agent, assertAgent } from "../core/agent.ts";
import { AgenkitError } from "../core/errors.ts";
import { describe } from "../core/json.ts";

/** What a server offers: one agent, several, or several under names of your choice. */
export type Agents = Agent | readonly Agent[] | Readonly<Record<string, Agent>>;

/** The agents of one server, by name, with the one that answers when none is named. */
export class AgentDirectory {
  readonly #agents: ReadonlyMap<string, Agent>;
  /** Answers when a peer names no agent, or one that is not here. */
  readonly default: Agent;

  /**
   * Checks what is offered.
   *
   * @param agents What is offered; the first is the default.
   * @param defaultName The name of another default.
   * @throws {TypeError} If there is none, something is no agent, two have one name, or the default is missing.
   */
  constructor(agents: Agents, defaultName?: string) {
    const found = new Map<string, Agent>();
    for (const [name, agent] of entriesOf(agents)) {
      assertAgent(agent, "Cannot serve");
      if (found.has(name)) {
        throw new TypeError(`Cannot serve two agents named '${name}': expected different names`);
      }
      found.set(name, agent);
    }
    const chosen = defaultName ?? found.keys().next().value;
    const fallback = chosen === undefined ? undefined : found.get(chosen);
    if (fallback === undefined) {
      throw new TypeError(
        chosen === undefined
          ? "Cannot serve: expected at least one agent, got none"
          : `Cannot serve as 'defaultAgent' must be one of ${
            [...found.keys()].join(", ")
          }: current value is ${describe(chosen)}`,
      );
    }
    this.#agents = found;
    this.default = fallback;
  }

  /** Names with agents, in the order given. */
  entries(): IterableIterator<[string, Agent]> {
    return this.#agents.entries();
  }

  /** The agent of a name, or the default: peers send names of their own making. */
  choose(name: string | undefined): Agent {
    return (name === undefined ? undefined : this.#agents.get(name)) ?? this.default;
  }

  /**
   * The agent of a name.
   *
   * @throws {AgenkitError} With code `not_found`.
   */
  get(name: string): Agent {
    const agent = this.#agents.get(name);
    if (agent !== undefined) return agent;
    throw new AgenkitError(
      "not_found",
      `There is no agent ${describe(name)} here: expected one of ${
        [...this.#agents.keys()].join(", ")
      }`,
    );
  }
}

function entriesOf(agents: Agents): (readonly [string, Agent])[] {
  if (Array.isArray(agents)) return agents.map((agent) => [agent?.name, agent] as const);
  if (typeof agents !== "object" && typeof agents !== "function" || agents === null) {
    assertAgent(agents, "Cannot serve");
  }
  // An agent has a `process` function; in a record of agents that name holds an agent.
  return typeof (agents as Agent).process === "function"
    ? [[(agents as Agent).name, agents as Agent]]
    : Object.entries(agents as Record<string, Agent>);
}
