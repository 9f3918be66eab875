import { type Clock, systemClock } from "../core/clock.ts";
import { checkBoolean, checkFunction, checkNumber, checkOptions } from "../core/options.ts";
import type { Authorize, ToolOutcome } from "./tool_call.ts";
import type { ToolResult } from "./tool_result.ts";

/** Options of `toolAgent`. */
export interface ToolAgentOptions {
  /**
   * How often the inner agent may ask for tools before it has to answer. With 0
   * the tools it asks for do not run: its answer goes to the caller as it is.
   * @default {10}
   */
  readonly maxRounds?: number | undefined;
  /**
   * How many calls of one message run at once; with 1 they run in order, each
   * after the one before it. Default: 8 of those the inner agent asks for, and
   * 1 of those a request asks for, as Python and Go do.
   */
  readonly concurrency?: number | undefined;
  /**
   * Whether the `tool_calls` of a request run. If not, they are taken out and
   * the inner agent gets the request. Servers take them out of what comes over
   * a network unless they were told to trust it. @default {true}
   */
  readonly acceptRequestCalls?: boolean | undefined;
  /**
   * Whether the inner agent is given the conversation so far, as
   * `metadata.history`, along with the results of its tools. An agent that
   * remembers by itself does not need it. @default {true}
   */
  readonly history?: boolean | undefined;
  /**
   * How many calls one message may have. A request with more is refused; of
   * those the inner agent asks for the rest fails. @default {32}
   */
  readonly maxCalls?: number | undefined;
  /** How large the arguments of a call may be, in bytes of JSON. @default {1_048_576} */
  readonly maxArgumentBytes?: number | undefined;
  /** How large the result of a call may be, in bytes of JSON. @default {1_048_576} */
  readonly maxResultBytes?: number | undefined;
  /**
   * How long a tool may run that does not say it itself, in milliseconds;
   * `Infinity` for as long as the call. @default {30_000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Decides whether a call may run, once its arguments are known to fit. Anything
   * but `true` refuses it, and so does throwing. It may take its time, to ask a
   * human for example: the tool's timeout starts later. Default: all may run.
   */
  readonly authorize?: Authorize | undefined;
  /**
   * What the model may read of an error that a tool throws. Default: the text of
   * an `AgenkitError`, and of others only that the tool failed.
   */
  readonly redact?: ((error: unknown) => string) | undefined;
  /** Makes the text of a message with results. Default: that of Python's agenkit, with data as JSON. */
  readonly format?: ((results: readonly ToolResult[]) => string) | undefined;
  /** Told of each call that has ended, with its error as it was. Cannot break the call. */
  readonly onResult?: ((outcome: ToolOutcome) => void) | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

type Optional = "authorize" | "redact" | "format" | "onResult";

/** The options with their defaults, checked. */
export type ToolAgentRules =
  & {
    readonly [K in Exclude<keyof ToolAgentOptions, Optional | "concurrency">]-?: Exclude<
      ToolAgentOptions[K],
      undefined
    >;
  }
  & { readonly [K in Optional]: ToolAgentOptions[K] }
  & { readonly modelConcurrency: number; readonly requestConcurrency: number };

const ACTION = "make a tool agent";

/** Fills in the defaults. */
export function toolAgentRules(options: ToolAgentOptions): ToolAgentRules {
  const {
    maxRounds = 10,
    concurrency,
    acceptRequestCalls = true,
    history = true,
    maxCalls = 32,
    maxArgumentBytes = 1_048_576,
    maxResultBytes = 1_048_576,
    timeoutMs = 30_000,
    clock = systemClock,
    authorize,
    redact,
    format,
    onResult,
  } = checkOptions(ACTION, options);
  checkNumber(ACTION, "maxRounds", maxRounds, { min: 0, integer: true });
  const positive = { min: 1, integer: true, infinite: true };
  for (
    const [name, value] of Object.entries({ maxCalls, maxArgumentBytes, maxResultBytes })
  ) checkNumber(ACTION, name, value, positive);
  if (concurrency !== undefined) checkNumber(ACTION, "concurrency", concurrency, positive);
  checkNumber(ACTION, "timeoutMs", timeoutMs, { min: 0, exclusive: true, infinite: true });
  for (const [name, value] of Object.entries({ authorize, redact, format, onResult })) {
    checkFunction(ACTION, name, value);
  }
  for (const [name, value] of Object.entries({ acceptRequestCalls, history })) {
    checkBoolean(ACTION, name, value);
  }
  return {
    maxRounds,
    modelConcurrency: concurrency ?? 8,
    requestConcurrency: concurrency ?? 1,
    acceptRequestCalls,
    history,
    maxCalls,
    maxArgumentBytes,
    maxResultBytes,
    timeoutMs,
    clock,
    authorize,
    redact,
    format,
    onResult,
  };
}
