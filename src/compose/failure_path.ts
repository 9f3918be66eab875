import type { Agent } from "../core/agent.ts";

/** One composition that an error came through. See {@linkcode failurePath}. */
export interface FailureStep {
  /** The composition's name. */
  readonly composition: string;
  /** The name of the child that failed. */
  readonly agent: string;
  /** Which child: its position from 0, its key in a router, or `"default"`. */
  readonly at: number | string;
}

interface Entry {
  readonly owner: Agent;
  readonly step: FailureStep;
}

// Beside the errors and not in them: an error may be frozen, and stays what it was.
const PATHS = new WeakMap<object, readonly Entry[]>();

/**
 * Tells which step of which composition an error came from, outermost first.
 *
 * Compositions pass on the very error that a child threw, so that its type,
 * code and retry hints stay what they were; this is where the place is kept.
 * Empty for errors that came through none, and for thrown values that are no
 * objects.
 *
 * @example
 * ```ts
 * import { agent, failurePath, message, sequential } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const draft = agent("draft", () => "a draft");
 * const check = agent("check", () => {
 *   throw new RangeError("too short");
 * });
 * const error = await sequential([draft, check], { name: "write" })
 *   .process(message("user", "go")).catch((error) => error);
 * assert.ok(error instanceof RangeError);
 * assert.deepEqual(failurePath(error), [{ composition: "write", agent: "check", at: 1 }]);
 * ```
 *
 * @param error What a call rejected with.
 */
export function failurePath(error: unknown): readonly FailureStep[] {
  return isObject(error) ? (PATHS.get(error) ?? []).map(({ step }) => step) : [];
}

/**
 * Notes where an error came from and returns the error.
 *
 * @param owner The composition that passes it on.
 * @param child Who threw it.
 * @param at Which child that is.
 */
export function located(error: unknown, owner: Agent, child: Agent, at: number | string): unknown {
  if (!isObject(error)) return error;
  const inner = PATHS.get(error) ?? [];
  // An error object that is thrown again and again has been here before: what
  // is known from then on outwards is of an earlier call.
  const known = inner.findIndex((entry) => entry.owner === owner);
  const step = Object.freeze({ composition: owner.name, agent: child.name, at });
  PATHS.set(error, [{ owner, step }, ...inner.slice(known + 1)]);
  return error;
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
