import { CircuitOpenError, codeOf, RateLimitError } from "./errors.ts";
import type { JsonObject } from "./json.ts";

/**
 * The details of an error that tells: the other side has certainly not begun
 * with the call, so that it may be given to another one without being done twice.
 */
export const NOT_BEGUN: JsonObject = Object.freeze({ begun: false });

/**
 * Whether a call that failed was certainly not begun: the connection could not
 * be made, the server refused it, or a breaker or rate limit on this side did.
 *
 * @example
 * ```ts
 * import { AgenkitError, neverBegan } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(neverBegan(new AgenkitError("unavailable", "connection lost")), false);
 * const refused = new AgenkitError("unavailable", "draining", { details: { begun: false } });
 * assert.equal(neverBegan(refused), true);
 * ```
 */
export function neverBegan(error: unknown): boolean {
  if (error instanceof CircuitOpenError || error instanceof RateLimitError) return true;
  if (codeOf(error) === undefined) return false;
  const { details } = error as { details?: JsonObject };
  return details?.begun === false;
}
