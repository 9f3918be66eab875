import type { CallOptions } from "../core/call.ts";
import { describe, type Json, toJson } from "../core/json.ts";
import { type Message, type Role, text } from "../core/message.ts";
import { jsonEquals } from "./json_equals.ts";

/**
 * Tells whether a route fits a message. May be asynchronous; the call's options
 * are there to be handed on, to a classifying agent for example.
 */
export type Condition = (message: Message, call?: CallOptions) => boolean | Promise<boolean>;

/**
 * A condition: the content has this text in it, as `text` reads it and with
 * the same case.
 *
 * @example
 * ```ts
 * import { contentContains, message } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(contentContains("refund")(message("user", "A refund, please")), true);
 * ```
 *
 * @throws {TypeError} If `part` is not a string.
 */
export function contentContains(part: string): (message: Message) => boolean {
  checkText("contentContains", "part", part);
  return (message) => text(message).includes(part);
}

/**
 * A condition: the message has this role.
 *
 * @throws {TypeError} If `role` is not a string.
 */
export function roleEquals(role: Role): (message: Message) => boolean {
  checkText("roleEquals", "role", role);
  return (message) => message.role === role;
}

/**
 * A condition: the metadata has this key, whatever its value.
 *
 * @throws {TypeError} If `key` is not a string.
 */
export function metadataHasKey(key: string): (message: Message) => boolean {
  checkText("metadataHasKey", "key", key);
  return (message) => Object.hasOwn(message.metadata, key);
}

/**
 * A condition: the metadata has this key, with a value equal to this one all
 * the way down. A missing key equals nothing, not even `null`.
 *
 * @example
 * ```ts
 * import { message, metadataEquals } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const fromVip = metadataEquals("user", { tier: "vip" });
 * assert.equal(fromVip(message("user", "hi", { user: { tier: "vip" } })), true);
 * assert.equal(metadataEquals("user", null)(message("user", "hi")), false);
 * ```
 *
 * @throws {TypeError} If `key` is not a string, or `value` not JSON.
 */
export function metadataEquals(key: string, value: Json): (message: Message) => boolean {
  checkText("metadataEquals", "key", key);
  const wanted = toJson(value, "value");
  return ({ metadata }) => Object.hasOwn(metadata, key) && jsonEquals(metadata[key]!, wanted);
}

/**
 * A condition: all of these hold. They are asked in order until one does not.
 * Of none, all hold.
 *
 * @example
 * ```ts
 * import { and, contentContains, message, not, roleEquals } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const spoken = and(roleEquals("user"), not(contentContains("/")));
 * assert.equal(spoken(message("user", "hello")), true);
 * assert.equal(spoken(message("user", "/help")), false);
 * ```
 *
 * @throws {TypeError} If one is not a function.
 */
export function and(...conditions: Condition[]): Condition {
  checkConditions("and", conditions);
  return (message, call) => decide(conditions, 0, false, message, call);
}

/**
 * A condition: at least one of these holds. They are asked in order until one
 * does. Of none, none holds.
 *
 * @throws {TypeError} If one is not a function.
 */
export function or(...conditions: Condition[]): Condition {
  checkConditions("or", conditions);
  return (message, call) => decide(conditions, 0, true, message, call);
}

/**
 * A condition: this one does not hold.
 *
 * @throws {TypeError} If it is not a function.
 */
export function not(condition: Condition): Condition {
  checkConditions("not", [condition]);
  return (message, call) => {
    const verdict = condition(message, call);
    return verdict instanceof Promise
      ? verdict.then((later) => !checkVerdict(later))
      : !checkVerdict(verdict);
  };
}

/**
 * Refuses what is neither true nor false: a condition that forgot to `await`
 * must not count as one that holds.
 */
export function checkVerdict(verdict: unknown): boolean {
  if (typeof verdict === "boolean") return verdict;
  throw new TypeError(`Cannot use a condition: expected true or false, got ${describe(verdict)}`);
}

/** Asks one condition after the other until one says `last`; synchronous for as long as they are. */
function decide(
  conditions: readonly Condition[],
  from: number,
  last: boolean,
  message: Message,
  call: CallOptions | undefined,
): boolean | Promise<boolean> {
  for (let i = from; i < conditions.length; i++) {
    const verdict = conditions[i]!(message, call);
    if (verdict instanceof Promise) {
      return verdict.then((later) =>
        checkVerdict(later) === last ? last : decide(conditions, i + 1, last, message, call)
      );
    }
    if (checkVerdict(verdict) === last) return last;
  }
  return !last;
}

function checkConditions(owner: string, conditions: readonly unknown[]): void {
  for (const [i, condition] of conditions.entries()) {
    if (typeof condition === "function") continue;
    throw new TypeError(
      `Cannot use ${owner}() as condition ${i} must be a function: current value is ${
        describe(condition)
      }`,
    );
  }
}

function checkText(owner: string, name: string, value: unknown): void {
  if (typeof value === "string") return;
  throw new TypeError(
    `Cannot use ${owner}() as '${name}' must be a string: current value is ${describe(value)}`,
  );
}
