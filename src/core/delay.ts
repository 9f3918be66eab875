import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait early: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Resolves after some milliseconds. The name and signature are those of
 * `@std/async`, with a clock to inject.
 *
 * @example
 * ```ts
 * import { delay } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * await delay(2);
 * await assert.rejects(delay(10_000, { signal: AbortSignal.abort(new Error("no")) }), /no/);
 * ```
 *
 * @param ms How long to wait, in milliseconds.
 */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  return (options.clock ?? systemClock).sleep(ms, options.signal);
}
