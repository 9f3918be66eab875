import { type ContextKey, createContextKey } from "../../core/context.ts";

/**
 * Says of a call that the agent may be asked twice: should the connection be
 * lost before the first word of the answer, the call is sent once more over
 * another one. Nothing is ever sent twice otherwise.
 *
 * @example
 * ```ts
 * import { agent, createContextValues, message, text } from "@agenkit/agenkit";
 * import { serve } from "@agenkit/agenkit/serve";
 * import { idempotentKey, webSocketAgent } from "@agenkit/agenkit/websocket";
 * import assert from "node:assert/strict";
 *
 * await using server = await serve(agent("echo", (m) => text(m)), { port: 0 });
 * await using echo = webSocketAgent(server.url);
 * const values = createContextValues().with(idempotentKey, true);
 * assert.equal(text(await echo.process(message("user", "again"), { values })), "again");
 * ```
 */
export const idempotentKey: ContextKey<boolean | undefined> = createContextKey<
  boolean | undefined
>(undefined, "idempotent");
