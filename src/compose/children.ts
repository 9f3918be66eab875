import { type Agent, assertAgent } from "../core/agent.ts";
import { describe } from "../core/json.ts";

/** What all compositions may be told. */
export interface CompositionOptions {
  /** What the composition is called. Default: what made it, such as `"sequential"`. */
  readonly name?: string | undefined;
}

/**
 * What compositions have in common: a name, and the capabilities of their
 * children, each once and in order, followed by their own.
 */
export class Composition {
  readonly name: string;
  readonly #kind: string;
  readonly #children: readonly Agent[];

  /** @param kind What it is, such as `"sequential"`: its capability and usual name. */
  constructor(kind: string, name: string | undefined, children: readonly Agent[]) {
    this.name = checkName(kind, name === undefined ? kind : name);
    this.#kind = kind;
    this.#children = children;
  }

  /** Those of the children as they are now: a remote agent may learn its own later. */
  get capabilities(): readonly string[] {
    const all = this.#children.flatMap((child) => child.capabilities ?? []);
    return Object.freeze([...new Set([...all, this.#kind])]);
  }
}

/**
 * Checks the agents given to a composition.
 *
 * @param kind What is being made, for the error's text.
 * @returns A frozen copy that later changes to the caller's array do not reach.
 * @throws {TypeError} If it is no array, empty, or holds what is not an agent.
 */
export function checkAgents(kind: string, agents: readonly Agent[]): readonly Agent[] {
  const copy = checkList(kind, "agents", agents);
  copy.forEach((child, i) => assertAgent(child, `Cannot make a ${kind} agent of agent ${i}`));
  return copy;
}

/** Checks that something is an array with at least one item; returns a frozen copy without holes. */
export function checkList<T>(kind: string, items: string, list: readonly T[]): readonly T[] {
  if (!Array.isArray(list)) {
    throw new TypeError(
      `Cannot make a ${kind} agent: expected an array of ${items}, got ${describe(list)}`,
    );
  }
  if (list.length === 0) {
    throw new TypeError(
      `Cannot make a ${kind} agent: expected at least one of ${items}, got none`,
    );
  }
  return Object.freeze([...list]);
}

/**
 * Refuses two agents of one name, where answers are told apart by name.
 *
 * @throws {TypeError} If a name comes twice; says where.
 */
export function refuseDuplicates(kind: string, agents: readonly Agent[]): void {
  const seen = new Map<string, number>();
  for (const [i, { name }] of agents.entries()) {
    const earlier = seen.get(name);
    if (earlier !== undefined) {
      throw new TypeError(
        `Cannot make a ${kind} agent: expected each agent to have a name of its own, got ` +
          `${describe(name)} for agents ${earlier} and ${i}`,
      );
    }
    seen.set(name, i);
  }
}

/** Whether one of the agents that may give the answer can stream; then the composition does. */
export function anyStreams(agents: readonly Agent[]): boolean {
  return agents.some((child) => child.stream !== undefined);
}

function checkName(kind: string, name: unknown): string {
  if (typeof name === "string" && name !== "") return name;
  throw new TypeError(
    `Cannot make a ${kind} agent as 'name' must be a non-empty string: current value is ${
      describe(name)
    }`,
  );
}
