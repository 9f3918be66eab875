/**
 * What an agent is: messages, agents, calls, errors, time, signals and streams.
 *
 * @module
 */
export { abortable } from "./abortable.ts";
export {
  type Agent,
  agent,
  type AgentInit,
  isAgent,
  type Middleware,
  type ProcessHandler,
  type StreamHandler,
  type StreamingAgent,
} from "./agent.ts";
export { neverBegan } from "./begun.ts";
export type { CallOptions } from "./call.ts";
export { cancelOnBreak } from "./cancel_on_break.ts";
export { type Clock, systemClock, type Timer } from "./clock.ts";
export type { Code } from "./code.ts";
export { collect } from "./collect.ts";
export {
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
} from "./context.ts";
export { deadline, type DeadlineOptions } from "./deadline.ts";
export { delay, type DelayOptions } from "./delay.ts";
export {
  AgenkitError,
  type AgenkitErrorOptions,
  type AgentFailure,
  AggregateAgentError,
  CircuitOpenError,
  codeOf,
  RateLimitError,
  RemoteError,
  TimeoutError,
} from "./errors.ts";
export { type Json, type JsonObject, toJson, toJsonObject } from "./json.ts";
export {
  isMessage,
  type Message,
  message,
  type MessageChanges,
  type MessageInit,
  type Role,
  text,
} from "./message.ts";
export type { Reply } from "./reply.ts";
export { tee, type TeeOptions } from "./tee.ts";
export { wrap } from "./wrap.ts";
