import type { Agent } from "../core/agent.ts";
import { TimeoutError } from "../core/errors.ts";

/** Which limit was broken. */
export type Limit = "total" | "firstChunk" | "idle" | "deadline";

/** Says that an agent has taken too long, and by which limit. */
export function lateError(agent: Agent, limit: Limit, ms: number): TimeoutError {
  const timeoutMs = Math.max(0, Math.round(ms));
  return new TimeoutError(
    `Request to agent '${agent.name}' timed out: ${SAYS[limit](timeoutMs)}`,
    { timeoutMs, details: { limit } },
  );
}

const SAYS: Readonly<Record<Limit, (ms: number) => string>> = {
  total: (ms) => `it took longer than ${ms} ms`,
  firstChunk: (ms) => `no first chunk within ${ms} ms`,
  idle: (ms) => `no further chunk within ${ms} ms`,
  deadline: (ms) => `the deadline of the call was ${ms} ms away`,
};
