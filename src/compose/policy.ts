import { describe } from "../core/json.ts";

/**
 * When a `parallel` agent has its answer:
 *
 * - `"all"`: when every agent has answered; the first failure fails the call.
 * - `"any"`: when the first has answered; it fails if all fail.
 * - `quorum(n)`: when `n` have answered; it fails once too few are left for that.
 * - `"settled"`: when every agent has answered or failed.
 */
export type ParallelPolicy = "all" | "any" | "settled" | Quorum;

/** A number of answers that is enough. Made by {@linkcode quorum}. */
export interface Quorum {
  /** How many agents have to answer. */
  readonly quorum: number;
}

/**
 * The policy by which `n` answers are enough, and the other agents are
 * cancelled then.
 *
 * @example
 * ```ts
 * import { agent, message, parallel, quorum, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const down = agent("down", () => {
 *   throw new Error("disk full");
 * });
 * const up = (name: string) => agent(name, () => "stored");
 * const store = parallel([up("a"), down, up("c")], { policy: quorum(2) });
 * assert.equal(text(await store.process(message("user", "x"))), "[a]: stored\n[c]: stored");
 * ```
 *
 * @param n How many answers are enough: from 1 to the number of agents.
 * @throws {RangeError} If it is not a positive integer.
 */
export function quorum(n: number): Quorum {
  if (Number.isInteger(n) && n >= 1) return Object.freeze({ quorum: n });
  throw new RangeError(
    `Cannot make a quorum as 'n' must be a positive integer: current value is ${describe(n)}`,
  );
}

/** What a policy comes down to for so many agents. */
export interface Rule {
  /** How many answers are enough; for `"settled"` there is no such number. */
  readonly needed: number;
  /** Whether failures are just results. */
  readonly settled: boolean;
}

/**
 * Checks a policy and works out what it means for `count` agents.
 *
 * @throws {TypeError} If it is none.
 * @throws {RangeError} If the quorum is larger than the number of agents.
 */
export function ruleOf(policy: ParallelPolicy, count: number): Rule {
  switch (policy) {
    case "all":
      return { needed: count, settled: false };
    case "any":
      return { needed: 1, settled: false };
    case "settled":
      return { needed: Number.POSITIVE_INFINITY, settled: true };
  }
  const needed = typeof policy === "object" && policy !== null ? policy.quorum : undefined;
  if (typeof needed !== "number") {
    throw new TypeError(
      `Cannot make a parallel agent as 'policy' must be "all", "any", "settled" or quorum(n): ` +
        `current value is ${describe(policy)}`,
    );
  }
  if (!Number.isInteger(needed) || needed < 1 || needed > count) {
    throw new RangeError(
      `Cannot make a parallel agent as the quorum must be an integer from 1 to ${count}, the ` +
        `number of agents: current value is ${needed}`,
    );
  }
  return { needed, settled: false };
}
