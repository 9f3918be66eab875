import { type Agent, assertAgent } from "../core/agent.ts";
import { layered } from "../core/wrap.ts";
import { CachedAgent } from "./cache_agent.ts";
import type { CacheOptions, ResponseCache } from "./cache_options.ts";
import { Shelf } from "./cache_shelf.ts";
import { middlewareValue } from "./middleware_value.ts";

/**
 * Answers what was answered before without asking the agent again.
 *
 * - The least recently used answers make room, and all grow old after `ttlMs`.
 * - Who asks what is being asked already shares that call. One who leaves does
 *   not end it for the others; the last one does.
 * - After `ttlMs` an answer may be given while a new one is fetched
 *   (`staleWhileRevalidateMs`), or stand in for an agent that fails
 *   (`staleIfErrorMs`), as in RFC 5861. It does not stand in when the fault is
 *   the caller's, such as `invalid_argument`.
 * - Streams are recorded and played again. One that its reader leaves early is
 *   cancelled and not kept.
 * - What has no key is not cached: the agent is called.
 *
 * Messages are immutable, so nobody can spoil an answer that others will get.
 * The agent's name is part of the key: agents of one name that one value wraps
 * share their answers. Let `tenant` tell users apart whose answers differ.
 *
 * @example
 * ```ts
 * import { agent, cache, message, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * let calls = 0;
 * const answers = cache({ ttlMs: 60_000 });
 * const slow = wrap(agent("slow", () => `answer ${++calls}`), answers);
 * const first = await slow.process(message("user", "What is a deadline?"));
 * const second = await slow.process(message("user", "What is a deadline?"));
 * assert.equal(second, first);
 * assert.equal(answers.metrics.cacheHits, 1);
 *
 * await answers.invalidate(message("user", "What is a deadline?"));
 * await slow.process(message("user", "What is a deadline?"));
 * assert.equal(calls, 2);
 * ```
 *
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If an option has the wrong type, or limits are given along with a `store`.
 */
export function cache(options: CacheOptions = {}): ResponseCache {
  const shelf = new Shelf(options);
  const apply = (next: Agent): Agent => {
    assertAgent(next, "Cannot apply cache");
    const cached = new CachedAgent(next, shelf);
    return layered(next, "cache", {
      process: (message, call) => cached.process(message, call),
      stream: (message, call) => cached.stream(message, call),
    });
  };
  return middlewareValue(
    apply,
    {
      get metrics() {
        return shelf.metrics;
      },
      invalidate: (target, call) => shelf.invalidate(target, call),
    } satisfies Pick<ResponseCache, "metrics" | "invalidate">,
  );
}
