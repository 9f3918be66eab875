import { AgenkitError, type AgentFailure, AggregateAgentError } from "../core/errors.ts";
import type { Agent } from "../core/agent.ts";
import { describe } from "../core/json.ts";

/** Notes a child's failure. */
export function failureOf(child: Agent, index: number, cause: unknown): AgentFailure {
  return Object.freeze({ agent: child.name, index, cause });
}

/**
 * Makes one error of several children's. Trying again helps if it helps one of
 * them, or all where all are `needed`; after as long as the soonest, or the
 * last of them, asks for.
 */
export function aggregateError(
  text: string,
  failures: readonly AgentFailure[],
  needed: "one" | "all",
): AggregateAgentError {
  const again = failures.filter(({ cause }) => isRetryable(cause));
  const waits = again.map(({ cause }) =>
    cause instanceof AgenkitError ? cause.retryAfterMs ?? 0 : 0
  );
  const wait = needed === "one" ? Math.min(...waits) : Math.max(...waits);
  return new AggregateAgentError(text, failures, {
    retryable: needed === "one" ? again.length > 0 : again.length === failures.length,
    retryAfterMs: again.length > 0 && wait > 0 ? wait : undefined,
  });
}

/** Whether trying again may help. Errors that do not say are taken to be passing ones. */
export function isRetryable(error: unknown): boolean {
  return error instanceof AgenkitError ? error.retryable : true;
}

/** The text of an error, or of whatever else was thrown. */
export function textOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return typeof error === "string" && error.length <= 200 ? error : describe(error);
}
