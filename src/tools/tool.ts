import type { CallOptions } from "../core/call.ts";
import type { ContextValues } from "../core/context.ts";
import { describe, type Json, type JsonObject } from "../core/json.ts";
import { checkFunction, checkNumber } from "../core/options.ts";
import { executeAlone } from "./execute.ts";
import { prepareParameters, type ToolArguments, type ToolParameters } from "./parameters.ts";
import { own } from "./runnable.ts";
import type { ToolResult } from "./tool_result.ts";

/** Options of one tool call. */
export interface ToolCallOptions extends CallOptions {
  /** Names the call in the conversation with a model. */
  readonly callId?: string | undefined;
}

/** What a running tool knows of its call. It may be handed on to agents as their call options. */
export interface ToolContext extends ToolCallOptions {
  /** Aborts when nobody waits for the tool any more; hand it on to whatever it waits for. */
  readonly signal: AbortSignal;
  /** When the tool has to be done, in milliseconds of the clock's monotonic time. */
  readonly deadline: number | undefined;
  /** The call's id as the model gave it; else its number, such as `call_1`. */
  readonly callId: string;
  /** Typed values of the caller, see `createContextKey`. */
  readonly values: ContextValues;
}

/**
 * Something an agent can do for a model. {@linkcode tool} makes one from a
 * function; an object or class with these members is one too.
 */
export interface Tool {
  /** What it is called; never empty, and different from other tools of a registry. */
  readonly name: string;
  /** What it does, for the model. */
  readonly description: string;
  /** The JSON Schema of its arguments, which are checked against it. Missing: any object. */
  readonly parameters?: JsonObject | undefined;
  /** How long it may take, in milliseconds. Missing: as the agent says. */
  readonly timeoutMs?: number | undefined;
  /**
   * Runs it. What goes wrong is a failed result; it rejects only when the call
   * was cancelled, with the signal's reason, or its deadline has passed.
   */
  execute(args: JsonObject, options?: ToolCallOptions): Promise<ToolResult>;
}

/** What a tool's function may give: a result, or just its data. */
export type ToolAnswer = ToolResult | Json | undefined | void;

/** What {@linkcode tool} makes a tool from. */
export interface ToolInit<Parameters extends ToolParameters> {
  /** What it is called. */
  readonly name: string;
  /** What it does, for the model. */
  readonly description: string;
  /**
   * What arguments it takes: the schema of a library that follows Standard
   * Schema, such as Zod, or a JSON Schema of the type `object`.
   * @default No arguments.
   */
  readonly parameters?: Parameters | undefined;
  /**
   * For a library's schema: its JSON Schema for the model, or a function that
   * makes it, such as `z.toJSONSchema`. Default: the library's own, where it has one.
   */
  readonly jsonSchema?: JsonObject | ((schema: Parameters) => unknown) | undefined;
  /**
   * How long it may take, in milliseconds; `Infinity` for as long as the call.
   * Default: as the agent says.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * What the model may read of an error that `execute` throws. Default: as the
   * agent says, which is the text of an `AgenkitError` and nothing of others.
   */
  readonly redact?: ((error: unknown) => string) | undefined;
  /** Does it, with arguments that were checked. */
  readonly execute: (
    args: ToolArguments<Parameters>,
    context: ToolContext,
  ) => ToolAnswer | Promise<ToolAnswer>;
}

/**
 * Makes a tool from a function. Its arguments are checked before it runs, and
 * have the type that the schema describes. What it returns becomes a
 * {@linkcode ToolResult}; what it throws becomes a failed one, without the text
 * of errors that are not meant for others.
 *
 * @example
 * ```ts
 * import { tool } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const add = tool({
 *   name: "add",
 *   description: "Adds two numbers",
 *   parameters: {
 *     type: "object",
 *     properties: { a: { type: "number" }, b: { type: "number" } },
 *     required: ["a", "b"],
 *   },
 *   execute: ({ a, b }) => a + b,
 * });
 * assert.equal((await add.execute({ a: 2, b: 3 })).data, 5);
 * assert.equal(
 *   (await add.execute({ a: 2, b: "3" })).error,
 *   "Invalid arguments for tool 'add': b: expected a number, got \"3\"",
 * );
 * ```
 *
 * @throws {TypeError} If the name is empty, something is of the wrong kind, or the schema is not
 * valid, uses keywords that are not known, or cannot be turned into a JSON Schema.
 * @throws {RangeError} If `timeoutMs` is not a positive number.
 */
export function tool<const Parameters extends ToolParameters = JsonObject>(
  init: ToolInit<Parameters>,
): Tool {
  checkInit(init);
  const { name, description, timeoutMs, redact } = init;
  const parameters = prepareParameters(`tool '${name}'`, init.parameters, init.jsonSchema);
  const made: Tool = Object.freeze({
    name,
    description,
    parameters: parameters.jsonSchema,
    timeoutMs,
    execute: (args: JsonObject, options?: ToolCallOptions) => executeAlone(made, args, options),
  });
  own(made, {
    check: parameters.check,
    run: (args, context) => init.execute(args as ToolArguments<Parameters>, context),
    redact,
  });
  return made;
}

function checkInit(init: Readonly<Partial<Record<keyof ToolInit<JsonObject>, unknown>>>): void {
  if (typeof init !== "object" || init === null) {
    throw new TypeError(`Cannot make a tool: expected an object, got ${describe(init)}`);
  }
  const { name, description, timeoutMs, redact, execute } = init;
  if (typeof name !== "string" || name === "") {
    throw new TypeError(
      `Cannot make a tool: 'name' must be a non-empty string, got ${describe(name)}`,
    );
  }
  const action = `make tool '${name}'`;
  if (typeof description !== "string") {
    throw new TypeError(
      `Cannot ${action} as 'description' must be a string: current value is ${
        describe(description)
      }`,
    );
  }
  if (typeof execute !== "function") {
    throw new TypeError(
      `Cannot ${action} as 'execute' must be a function: current value is ${describe(execute)}`,
    );
  }
  checkFunction(action, "redact", redact);
  if (timeoutMs !== undefined) {
    checkNumber(action, "timeoutMs", timeoutMs, { min: 0, exclusive: true, infinite: true });
  }
}
