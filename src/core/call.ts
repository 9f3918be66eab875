import type { ContextValues } from "./context.ts";

/**
 * The second argument of every call: how long it may take, who may cancel it,
 * and what travels with it. Hand it on to whatever you call.
 */
export interface CallOptions {
  /** Cancels the call: it rejects at once with the signal's reason, and so does all work below it. */
  readonly signal?: AbortSignal | undefined;
  /**
   * When the call has to be over, in milliseconds of the clock's monotonic
   * time (`performance.now()` unless a clock was injected). It travels over
   * the network as the time that is left.
   */
  readonly deadline?: number | undefined;
  /** Typed values for the layers below, see `createContextKey`. */
  readonly values?: ContextValues | undefined;
}

/** The call options that ask for nothing. */
export const NO_OPTIONS: CallOptions = Object.freeze({});

/** The earlier of two deadlines, either of which may be missing. */
export function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined || a < b ? a : b;
}
