import type { Middleware } from "../core/agent.ts";

/**
 * Makes a middleware that owns state and shows it: a function that wraps
 * agents, with members. Getters stay getters; nothing can be changed later.
 *
 * @param apply Wraps an agent.
 * @param members What the value shows besides being a middleware.
 */
export function middlewareValue<T extends object>(apply: Middleware, members: T): Middleware & T {
  Object.defineProperties(apply, Object.getOwnPropertyDescriptors(members));
  return Object.freeze(apply) as Middleware & T;
}
