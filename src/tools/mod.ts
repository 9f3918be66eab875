/**
 * Tools that a model may use: how one is made, kept and run.
 *
 * @module
 */
export type { InferJsonSchema } from "./infer_json_schema.ts";
export type { ToolArguments, ToolParameters } from "./parameters.ts";
export { type ToolRegistry, toolRegistry, type ToolSchema } from "./registry.ts";
export type {
  StandardSchemaIssue,
  StandardSchemaProps,
  StandardSchemaResult,
  StandardSchemaV1,
} from "./standard_schema.ts";
export {
  type Tool,
  tool,
  type ToolAnswer,
  type ToolCallOptions,
  type ToolContext,
  type ToolInit,
} from "./tool.ts";
export { type ToolAgent, toolAgent } from "./tool_agent.ts";
export type { ToolAgentOptions } from "./tool_agent_options.ts";
export type { Authorize, ToolCall, ToolCallContext, ToolOutcome } from "./tool_call.ts";
export {
  isToolResult,
  type ToolFailure,
  toolFailure,
  type ToolResult,
  type ToolSuccess,
  toolSuccess,
  toToolResult,
} from "./tool_result.ts";
