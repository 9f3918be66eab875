import type { CallOptions } from "../core/call.ts";
import { CircuitOpenError, codeOf } from "../core/errors.ts";
import { isAborted } from "../core/signals.ts";
import { isCancelled, isTimeout } from "./outcome.ts";

/** How a call that did not succeed ended. */
export type FailedOutcome = "failed" | "timedOut" | "rejected" | "cancelled";

/** Which kind of end an error is. Whatever a call threw that had been called off, nobody asked for. */
export function outcomeOf(error: unknown, call: CallOptions | undefined): FailedOutcome {
  if (isCancelled(error, call)) return "cancelled";
  // Aborted, yet not cancelled: a timeout further out has ended it.
  if (isTimeout(error) || isAborted(call)) return "timedOut";
  const rejected = codeOf(error) === "resource_exhausted" || error instanceof CircuitOpenError;
  return rejected ? "rejected" : "failed";
}
