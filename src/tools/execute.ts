import type { CallOptions } from "../core/call.ts";
import { earlier } from "../core/call.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { createContextValues } from "../core/context.ts";
import { AgenkitError, TimeoutError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import { isAborted, reasonOf } from "../core/signals.ts";
import { guarded } from "./guarded.ts";
import { isTooDeep, jsonSize, MAX_TOOL_DEPTH } from "./json_size.ts";
import { readArguments } from "./requested_call.ts";
import { type Runnable, runnableOf } from "./runnable.ts";
import type { Tool, ToolCallOptions, ToolContext } from "./tool.ts";
import { isToolResult, toolFailure, type ToolResult } from "./tool_result.ts";
import { toolSuccess, toToolResult } from "./tool_result.ts";

/** What holds for every run of a tool. */
export interface ExecuteRules {
  readonly clock: Clock;
  /** For tools that do not say it themselves; may be infinite. */
  readonly timeoutMs: number;
  readonly maxArgumentBytes: number;
  readonly maxResultBytes: number;
  /** For tools that do not say it themselves. */
  readonly redact: ((error: unknown) => string) | undefined;
}

/** A result, and what was thrown on the way to it. */
export interface Executed {
  readonly result: ToolResult;
  readonly error?: unknown;
}

const ALONE: ExecuteRules = {
  clock: systemClock,
  timeoutMs: Number.POSITIVE_INFINITY,
  maxArgumentBytes: Number.POSITIVE_INFINITY,
  maxResultBytes: Number.POSITIVE_INFINITY,
  redact: undefined,
};

/** Runs a tool outside of an agent. */
export async function executeAlone(
  tool: Tool,
  args: JsonObject,
  options: ToolCallOptions = {},
): Promise<ToolResult> {
  const { deadline, callId = "call_1" } = options;
  const { result } = await guarded(
    options,
    systemClock,
    deadline,
    deadlinePassed,
    (call) => execute(tool, args, callId, call, ALONE),
  );
  return result;
}

/** The error of a call whose deadline passed while its tools ran. */
export function deadlinePassed(): TimeoutError {
  return new TimeoutError("The deadline of the call has passed while its tools ran");
}

/**
 * Runs a tool. Whatever goes wrong with it is a failed result.
 *
 * @param allow Asked once the arguments are known to fit, before the tool runs.
 * @throws The reason of the call's signal, once that has aborted.
 */
export async function execute(
  tool: Tool,
  rawArgs: unknown,
  callId: string,
  call: CallOptions,
  rules: ExecuteRules,
  allow?: (args: JsonObject) => boolean | Promise<boolean>,
): Promise<Executed> {
  const { name } = tool;
  let args: JsonObject;
  try {
    args = readArguments(rawArgs, rules.maxArgumentBytes);
  } catch (error) {
    return { result: invalidArguments(name, (error as Error).message), error };
  }
  let runnable: Runnable | undefined;
  try {
    runnable = runnableOf(tool);
    const checked = await runnable.check(args);
    if (!checked.ok) return { result: invalidArguments(name, checked.error) };
    if (allow !== undefined) {
      const refused = await refusal(name, args, allow);
      if (refused !== undefined) return refused;
    }
    return finish(name, await run(tool, runnable, checked.value, callId, call, rules), rules);
  } catch (error) {
    if (isAborted(call)) throw reasonOf(call);
    return { result: failed(name, error, runnable?.redact ?? rules.redact), error };
  }
}

async function refusal(
  name: string,
  args: JsonObject,
  allow: (args: JsonObject) => boolean | Promise<boolean>,
): Promise<Executed | undefined> {
  const result = toolFailure(`Tool '${name}' not authorized`);
  try {
    return await allow(args) === true ? undefined : { result };
  } catch (error) {
    return { result, error };
  }
}

function run(
  tool: Tool,
  runnable: Runnable,
  args: unknown,
  callId: string,
  call: CallOptions,
  { clock, timeoutMs: usual }: ExecuteRules,
): Promise<unknown> {
  const timeoutMs = tool.timeoutMs ?? usual;
  const until = Number.isFinite(timeoutMs) ? clock.now() + timeoutMs : undefined;
  const late = () =>
    new TimeoutError(`Tool '${tool.name}' timed out after ${timeoutMs} ms`, { timeoutMs });
  return guarded(
    call,
    clock,
    until,
    late,
    async (inner) => await runnable.run(args, contextOf(callId, inner, call.deadline)),
  );
}

/** What a tool or those who decide about it learn of a call. */
export function contextOf(
  callId: string,
  call: CallOptions,
  deadline: number | undefined,
): ToolContext {
  return {
    signal: call.signal!,
    deadline: earlier(call.deadline, deadline),
    values: call.values ?? createContextValues(),
    callId,
  };
}

function finish(name: string, answer: unknown, { maxResultBytes }: ExecuteRules): Executed {
  let result: ToolResult;
  try {
    result = isToolResult(answer) ? toToolResult(answer) : toolSuccess((answer ?? null) as never);
  } catch (error) {
    const text = `Tool '${name}' gave no valid result: ${(error as Error).message}`;
    return { result: toolFailure(text), error };
  }
  const most = jsonSize(result, maxResultBytes) > maxResultBytes
    ? `${maxResultBytes} bytes`
    : isTooDeep(result)
    ? `${MAX_TOOL_DEPTH} levels of nesting`
    : undefined;
  if (most === undefined) return { result };
  return {
    result: toolFailure(`Tool '${name}' gave too large a result: at most ${most} are allowed`),
  };
}

function invalidArguments(name: string, problem: string): ToolResult {
  return toolFailure(`Invalid arguments for tool '${name}': ${problem}`);
}

function failed(
  name: string,
  error: unknown,
  redact: ((error: unknown) => string) | undefined,
): ToolResult {
  const generic = `Tool '${name}' failed`;
  try {
    const text: unknown = redact === undefined ? textForOthers(error) : redact(error);
    return toolFailure(typeof text === "string" && text !== "" ? text : generic);
  } catch {
    return toolFailure(generic);
  }
}

/** Errors of this package are written for others to read; any other may hold secrets. */
function textForOthers(error: unknown): string {
  return error instanceof AgenkitError ? error.message : "";
}
