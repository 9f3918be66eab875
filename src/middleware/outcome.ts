import type { CallOptions } from "../core/call.ts";
import { codeOf } from "../core/errors.ts";
import { isAborted, reasonOf } from "../core/signals.ts";

/** Whether an error says that time was up: ours, a peer's, or that of `AbortSignal.timeout()`. */
export function isTimeout(error: unknown): boolean {
  if (codeOf(error) === "deadline_exceeded") return true;
  return typeof error === "object" && error !== null && "name" in error &&
    error.name === "TimeoutError";
}

/**
 * Whether a call that did not succeed was called off: then it says nothing
 * about the agent. A call that a timeout further out has ended through its
 * signal does say something, and is no cancellation.
 */
export function isCancelled(error: unknown, call: CallOptions | undefined): boolean {
  return isAborted(call) ? !isTimeout(reasonOf(call)) : codeOf(error) === "cancelled";
}

/** Runs an observer; one that throws, or rejects, cannot break the call that it observes. */
export function notify<T>(observer: ((event: T) => unknown) | undefined, event: T): void {
  if (observer === undefined) return;
  try {
    const result = observer(event);
    if (result instanceof Promise) result.catch(() => {});
  } catch {
    // Observing is the observer's own affair.
  }
}
