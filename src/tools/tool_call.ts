import type { JsonObject } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import type { ToolContext } from "./tool.ts";
import type { ToolResult } from "./tool_result.ts";

/** That a tool is to run, with what. */
export interface ToolCall {
  /** As the model gave it; else the call's number, such as `call_1`. */
  readonly id: string;
  /** The tool's name. */
  readonly name: string;
  /** What it is to run with: frozen, and checked against the tool's parameters. */
  readonly arguments: JsonObject;
}

/** Where a tool call comes from, for those who decide whether it may run. */
export interface ToolCallContext extends ToolContext {
  /** Whether the caller's message asked for it, or the answer of the inner agent. */
  readonly source: "request" | "model";
  /** The message that asked for it. */
  readonly message: Message;
}

/** How a tool call ended, for observers. */
export interface ToolOutcome {
  /** The call's id. */
  readonly callId: string;
  /** The name that was asked for, known or not. */
  readonly toolName: string;
  /** What the model or the caller gets. */
  readonly result: ToolResult;
  /** What was thrown, as it was: not redacted. */
  readonly error: unknown;
}

/** Decides whether a tool call may run: only `true` lets it. */
export type Authorize = (
  call: ToolCall,
  context: ToolCallContext,
) => boolean | Promise<boolean>;
