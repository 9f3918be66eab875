/**
 * Agents made of agents: one after the other, side by side, the first that
 * works, the one that fits; and one-shot tasks.
 *
 * @module
 */
export type { AgentResult } from "./agent_result.ts";
export type { Aggregate } from "./aggregate.ts";
export type { CompositionOptions } from "./children.ts";
export {
  conditional,
  type ConditionalAgent,
  type ConditionalOptions,
  type Route,
} from "./conditional.ts";
export {
  and,
  type Condition,
  contentContains,
  metadataEquals,
  metadataHasKey,
  not,
  or,
  roleEquals,
} from "./conditions.ts";
export { failurePath, type FailureStep } from "./failure_path.ts";
export { fallback, type FallbackAgent, type FallbackOptions } from "./fallback.ts";
export { parallel, type ParallelAgent, type ParallelOptions } from "./parallel.ts";
export { type ParallelPolicy, type Quorum, quorum } from "./policy.ts";
export {
  type Handlers,
  type RouteFunction,
  router,
  type RouterAgent,
  type RouterOptions,
} from "./router.ts";
export { RoutingError } from "./routing_error.ts";
export { sequential, type SequentialAgent, type SequentialOptions } from "./sequential.ts";
export { type Task, task, type TaskOptions, type TaskState } from "./task.ts";
