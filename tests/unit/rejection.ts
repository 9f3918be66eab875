import assert from "node:assert/strict";
import type { AgenkitError } from "../../mod.ts";

/** What a promise rejects with; fails if it does not. */
export function rejection(promise: Promise<unknown>): Promise<AgenkitError> {
  return promise.then(() => assert.fail("expected a rejection"), (error) => error);
}
