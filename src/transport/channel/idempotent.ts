import { type ContextKey, createContextKey } from "../../core/context.ts";

/**
 * Says of a call that the agent may be asked twice: should the connection be
 * lost before the first word of the answer, the call is sent once more over
 * another one. Nothing is ever sent twice otherwise.
 */
export const idempotentKey: ContextKey<boolean | undefined> = createContextKey<
  boolean | undefined
>(undefined, "idempotent");
