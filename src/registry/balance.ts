import type { Endpoint } from "./endpoint.ts";

/**
 * Chooses which of several endpoints is called. There is at least one, and
 * those that are unhealthy are not among them unless all are.
 */
export type Balancer = (endpoints: readonly Endpoint[]) => Endpoint;

/**
 * Takes the endpoints in turn.
 *
 * @example
 * ```ts
 * import { agentRegistry, roundRobin } from "@agenkit/agenkit/registry";
 *
 * await using registry = agentRegistry();
 * const echo = registry.agent("echo", { balance: roundRobin() });
 * ```
 */
export function roundRobin(): Balancer {
  return longestUnused();
}

/** Takes the endpoint that has the fewest calls of this process running; of equals, each in turn. */
export function leastInFlight(): Balancer {
  const next = longestUnused();
  return (endpoints) => {
    const fewest = Math.min(...endpoints.map(({ inFlight }) => inFlight));
    return next(endpoints.filter(({ inFlight }) => inFlight === fewest));
  };
}

/**
 * Takes the less busy of two that are drawn by chance. It comes close to the
 * least busy of all without many clients choosing the same one at the same
 * time. After Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing" (2001).
 *
 * @param random Where chance comes from: numbers from 0, below 1. Default: `Math.random`.
 */
export function powerOfTwoChoices(random: () => number = Math.random): Balancer {
  return (endpoints) => {
    const { length } = endpoints;
    const first = Math.floor(random() * length);
    if (length === 1) return endpoints[first]!;
    // One of the others.
    const second = (first + 1 + Math.floor(random() * (length - 1))) % length;
    const [a, b] = [endpoints[first]!, endpoints[second]!];
    return b.inFlight < a.inFlight ? b : a;
  };
}

/** A turn that is fair also where not the same endpoints are there each time. */
function longestUnused(): Balancer {
  const used = new WeakMap<Endpoint, number>();
  let turn = 0;
  return (endpoints) => {
    let chosen = endpoints[0]!;
    let longest = Number.POSITIVE_INFINITY;
    for (const endpoint of endpoints) {
      const last = used.get(endpoint) ?? -1;
      if (last < longest) [chosen, longest] = [endpoint, last];
    }
    used.set(chosen, turn++);
    return chosen;
  };
}
