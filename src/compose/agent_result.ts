import type { AgentFailure } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import { failureOf } from "./failures.ts";
import type { Agent } from "../core/agent.ts";

/** What became of one agent of a `parallel`. Branch on `status`. */
export type AgentResult =
  | {
    /** It has answered. */
    readonly status: "answered";
    /** The agent's name. */
    readonly agent: string;
    /** The agent's position, from 0. */
    readonly index: number;
    /** The answer. */
    readonly message: Message;
  }
  | {
    /** It has failed. */
    readonly status: "failed";
    /** The agent's name. */
    readonly agent: string;
    /** The agent's position, from 0. */
    readonly index: number;
    /** What it threw. */
    readonly cause: unknown;
  }
  | {
    /** It was not needed any more: cancelled, or never asked. */
    readonly status: "cancelled";
    /** The agent's name. */
    readonly agent: string;
    /** The agent's position, from 0. */
    readonly index: number;
  };

/** The failures among results, in the order of the agents. */
export function failuresOf(
  results: readonly AgentResult[],
  agents: readonly Agent[],
): AgentFailure[] {
  const failures: AgentFailure[] = [];
  for (const result of results) {
    if (result.status !== "failed") continue;
    failures.push(failureOf(agents[result.index]!, result.index, result.cause));
  }
  return failures;
}
