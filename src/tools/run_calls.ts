import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { throwIfAborted } from "../core/signals.ts";
import { contextOf, deadlinePassed, execute, type Executed } from "./execute.ts";
import { guarded } from "./guarded.ts";
import type { ToolRegistry } from "./registry.ts";
import type { RequestedCall } from "./requested_call.ts";
import type { ToolAgentRules } from "./tool_agent_options.ts";
import type { ToolCallContext } from "./tool_call.ts";
import { toolFailure, type ToolResult, withMetadata } from "./tool_result.ts";

/** What a list of calls runs with. */
export interface Batch {
  readonly registry: ToolRegistry;
  readonly rules: ToolAgentRules;
  /** Who asked for them. */
  readonly source: ToolCallContext["source"];
  /** The message that asked for them. */
  readonly message: Message;
}

/**
 * Runs a list of calls, some at once, and gives their results in the order of
 * the calls. It is over as soon as the caller aborts or its deadline has
 * passed, even if a tool does not care; none starts after that.
 */
export function runCalls(
  calls: readonly RequestedCall[],
  batch: Batch,
  call: CallOptions | undefined,
): Promise<readonly ToolResult[]> {
  const { rules, source } = batch;
  const width = source === "model" ? rules.modelConcurrency : rules.requestConcurrency;
  return guarded(call, rules.clock, call?.deadline, deadlinePassed, async (inner) => {
    const results: ToolResult[] = Array.from(calls, () => undefined!);
    let next = 0;
    const work = async () => {
      while (next < calls.length) {
        const index = next++;
        results[index] = await runCall(calls[index]!, index, batch, inner);
      }
    };
    await Promise.all(Array.from({ length: Math.min(width, calls.length) }, work));
    return results;
  });
}

async function runCall(
  requested: RequestedCall,
  index: number,
  batch: Batch,
  call: CallOptions,
): Promise<ToolResult> {
  const { id, name } = requested;
  const { result, error } = await executed(requested, index, batch, call);
  // Being cancelled is no result, and no reason to start the next one.
  throwIfAborted(call);
  const labelled = label(requested, result, batch.source);
  try {
    batch.rules.onResult?.({ callId: id, toolName: name, result: labelled, error });
  } catch {
    // An observer must not break what it observes.
  }
  return labelled;
}

function executed(
  { id, name, args, problem }: RequestedCall,
  index: number,
  { registry, rules, source, message }: Batch,
  call: CallOptions,
): Executed | Promise<Executed> {
  if (problem !== undefined) return { result: toolFailure(problem) };
  if (index >= rules.maxCalls) {
    return {
      result: toolFailure(`Too many tool calls: at most ${rules.maxCalls} a message may run`),
    };
  }
  const tool = registry.get(name);
  if (tool === undefined) return { result: toolFailure(`Tool '${shown(name)}' not found`) };
  const { authorize } = rules;
  return execute(
    tool,
    args,
    id,
    call,
    rules,
    authorize && ((checked) =>
      authorize(
        Object.freeze({ id, name, arguments: checked }),
        { ...contextOf(id, call, undefined), source, message },
      )),
  );
}

/** Results tell the inner agent whose they are; a request's only where it gave ids. */
function label({ id, name, hasId }: RequestedCall, result: ToolResult, source: string): ToolResult {
  if (source === "model") return withMetadata(result, { call_id: id, tool_name: shown(name) });
  return hasId ? withMetadata(result, { call_id: id }) : result;
}

/** A name that may be anything: kept short, and on one line. */
function shown(name: string): string {
  const line = name.replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ");
  return line.length > 100 ? `${line.slice(0, 100)}…` : line;
}
