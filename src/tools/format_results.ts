import { text } from "../core/message.ts";
import type { ToolResult } from "./tool_result.ts";

/**
 * The text of a message with results, as Python's agenkit writes it: a first
 * line, then one numbered line a result. Data that is not text is JSON.
 */
export function formatResults(results: readonly ToolResult[]): string {
  const lines = results.map((result, index) =>
    result.success
      ? `${index + 1}. Success: ${result.data === null ? "null" : text({ content: result.data })}`
      : `${index + 1}. Error: ${result.error}`
  );
  return ["Tool execution results:", ...lines].join("\n");
}
