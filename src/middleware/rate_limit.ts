import type { Agent } from "../core/agent.ts";
import { throwIfAborted } from "../core/signals.ts";
import { layered } from "../core/wrap.ts";
import { middlewareValue } from "./middleware_value.ts";
import { passStream } from "./pass_stream.ts";
import { Limiter } from "./rate_limit_limiter.ts";
import type { RateLimit, RateLimitOptions } from "./rate_limit_options.ts";

/**
 * Lets no more calls through than a token bucket allows: `burst` at once, then
 * `rate` a second. A call that finds too few tokens reserves its turn and waits
 * for it, first come, first served; it is never refused after a wait. When its
 * signal aborts it leaves at once, and those behind it move up.
 *
 * Refused, with a {@linkcode RateLimitError} that tells `retryAfterMs`, are
 * calls that would have to wait longer than `maxWaitMs` or than their own
 * deadline, find `maxQueue` calls waiting, or find no token in mode `reject`.
 * They are refused on arrival, and have then taken nothing.
 *
 * A stream takes its tokens once, when it is first read. One value may wrap
 * several agents, which then share one quota.
 *
 * With a `key` each key has a bucket of its own. A bucket that is full again is
 * dropped. While `maxKeys` buckets are in use, calls with yet another key are
 * refused, since making room would give somebody a new burst.
 *
 * @example
 * ```ts
 * import { agent, message, rateLimit, RateLimitError, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const limit = rateLimit({ rate: 5, burst: 2, mode: "reject" });
 * const echo = wrap(agent("echo", (m) => m.content as string), limit);
 * await echo.process(message("user", "one"));
 * await echo.process(message("user", "two"));
 * await assert.rejects(echo.process(message("user", "three")), RateLimitError);
 * assert.equal(limit.metrics.rejectedRequests, 1);
 * ```
 *
 * @throws {RangeError} If a number is out of its range.
 * @throws {TypeError} If an option has the wrong type.
 */
export function rateLimit(options: RateLimitOptions = {}): RateLimit {
  const limiter = new Limiter(options);
  const apply = (next: Agent): Agent =>
    layered(next, "rateLimit", {
      process: (message, call) => {
        try {
          const turn = limiter.take(message, call);
          if (turn === undefined) return Promise.resolve(next.process(message, call));
          return turn.then(() => {
            throwIfAborted(call);
            return next.process(message, call);
          });
        } catch (error) {
          return Promise.reject(error);
        }
      },
      stream: (message, call) =>
        passStream(next, message, call, async () => {
          await limiter.take(message, call);
          throwIfAborted(call);
        }),
    });
  return middlewareValue(apply, {
    get metrics() {
      return limiter.metrics;
    },
  });
}
