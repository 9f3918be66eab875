/**
 * Offer an agent over a network in one line, call any agent as if it were
 * local, and survive production while doing so. This export is the core:
 * messages, agents, errors, time and streams, without any dependency.
 *
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const echo = agent("echo", (m) => `Echo: ${text(m)}`);
 * const answer = await echo.process(message("user", "hello"));
 * assert.equal(text(answer), "Echo: hello");
 * ```
 *
 * @module
 */
export {
  abortable,
  AgenkitError,
  type AgenkitErrorOptions,
  type Agent,
  agent,
  type AgentFailure,
  type AgentInit,
  AggregateAgentError,
  type CallOptions,
  cancelOnBreak,
  CircuitOpenError,
  type Clock,
  type Code,
  codeOf,
  collect,
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
  deadline,
  type DeadlineOptions,
  delay,
  type DelayOptions,
  isAgent,
  isMessage,
  type Json,
  type JsonObject,
  type Message,
  message,
  type MessageChanges,
  type MessageInit,
  type Middleware,
  type ProcessHandler,
  RateLimitError,
  RemoteError,
  type Reply,
  type Role,
  type StreamHandler,
  type StreamingAgent,
  systemClock,
  tee,
  type TeeOptions,
  text,
  TimeoutError,
  type Timer,
  toJson,
  toJsonObject,
  wrap,
} from "./src/core/mod.ts";
export {
  type InferJsonSchema,
  isToolResult,
  type StandardSchemaIssue,
  type StandardSchemaProps,
  type StandardSchemaResult,
  type StandardSchemaV1,
  type Tool,
  tool,
  type ToolAnswer,
  type ToolArguments,
  type ToolCallOptions,
  type ToolContext,
  type ToolFailure,
  toolFailure,
  type ToolInit,
  type ToolParameters,
  type ToolRegistry,
  toolRegistry,
  type ToolResult,
  type ToolSchema,
  type ToolSuccess,
  toolSuccess,
  toToolResult,
} from "./src/tools/mod.ts";
