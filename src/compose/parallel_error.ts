import type { Agent } from "../core/agent.ts";
import type { AgentFailure, AggregateAgentError } from "../core/errors.ts";
import { aggregateError, textOf } from "./failures.ts";
import type { Rule } from "./policy.ts";

/** Makes the error of a `parallel` of which too few agents have answered. */
export function parallelError(
  failures: readonly AgentFailure[],
  rule: Rule,
  agents: readonly Agent[],
): AggregateAgentError {
  const all = rule.needed === agents.length;
  const needed = all || rule.settled
    ? ""
    : ` (${rule.needed} of ${agents.length} agents had to answer)`;
  const each = failures.map(({ agent, cause }) => `${agent}: ${textOf(cause)}`).join("; ");
  return aggregateError(
    `Parallel execution had errors${needed}: ${each}`,
    failures,
    all ? "all" : "one",
  );
}

/** What agents that are not needed any more are cancelled with. */
export function notNeeded(): DOMException {
  return new DOMException("The answer is not needed any more", "AbortError");
}
