import { ANYTHING, type Checked, prepareJsonSchema } from "./parameters.ts";
import type { JsonObject } from "../core/json.ts";
import type { Tool, ToolContext } from "./tool.ts";

/** What running a tool takes: its steps one by one, and errors as they are. */
export interface Runnable {
  /** Checks arguments, and turns them into what `run` takes. */
  check(args: JsonObject): Checked | Promise<Checked>;
  /** Does it; gives or throws anything. */
  run(args: unknown, context: ToolContext): unknown;
  /** What the model may read of an error. */
  readonly redact: ((error: unknown) => string) | undefined;
}

const runnables = new WeakMap<Tool, Runnable>();

/** Keeps the steps of a tool that was made here. */
export function own(tool: Tool, runnable: Runnable): void {
  runnables.set(tool, runnable);
}

/**
 * The steps of a tool. One that was not made here has its arguments checked as
 * its `parameters` say.
 *
 * @throws {TypeError} If its parameters are not a JSON Schema that is known.
 */
export function runnableOf(tool: Tool): Runnable {
  const known = runnables.get(tool);
  if (known !== undefined) return known;
  const { name, parameters } = tool;
  const { check } = parameters === undefined || parameters === null
    ? ANYTHING
    : prepareJsonSchema(`tool '${name}'`, parameters);
  const runnable: Runnable = {
    check,
    run: (args, context) => tool.execute(args as JsonObject, context),
    redact: undefined,
  };
  runnables.set(tool, runnable);
  return runnable;
}
