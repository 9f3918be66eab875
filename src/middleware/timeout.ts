import type { Agent, Middleware } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { LinkedSignal } from "../core/signals.ts";
import { layered } from "../core/wrap.ts";
import { middlewareValue } from "./middleware_value.ts";
import { RequestCounts } from "./request_counts.ts";
import { lateError } from "./timeout_error.ts";
import {
  type Timeout,
  type TimeoutLimits,
  timeoutLimits,
  type TimeoutOptions,
} from "./timeout_options.ts";
import { Race } from "./timeout_race.ts";
import { limitedStream } from "./timeout_stream.ts";

/**
 * Ends calls that take too long. The caller gets a {@linkcode TimeoutError} on
 * time, and the agent's signal aborts with that error; an agent that ignores
 * its signal may work on, but nobody waits for it and its late answer is
 * dropped. A call that has an earlier `deadline` ends by then.
 *
 * The agent is told the end as its `deadline`. An error that the agent throws
 * in time passes through as it is, and counts as a failure, even if it is a
 * `TimeoutError` as well.
 *
 * For a stream only the time that the agent takes counts, never the time that
 * the consumer spends on a chunk: see the options. All calls of a clock share
 * one timer.
 *
 * @example
 * ```ts
 * import { agent, message, timeout, TimeoutError, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const stuck = agent("stuck", () => new Promise<never>(() => {}));
 * const limited = wrap(stuck, timeout({ totalMs: 5 }));
 * await assert.rejects(limited.process(message("user", "hi")), TimeoutError);
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is not a positive number of milliseconds.
 */
export function timeout(options: TimeoutOptions = {}): Timeout {
  const limits = timeoutLimits(options);
  const counts = new RequestCounts();
  const apply: Middleware = (next) =>
    layered(next, "timeout", {
      process: (message, call) => limitedCall(next, message, call, limits, counts),
      stream: (message, call) => limitedStream(next, message, call, limits, counts),
    });
  return middlewareValue(apply, {
    get metrics() {
      return Object.freeze({ ...counts.metrics, timedOutRequests: counts.timedOut });
    },
  });
}

function limitedCall(
  next: Agent,
  message: Message,
  call: CallOptions | undefined,
  { clock, totalMs }: TimeoutLimits,
  counts: RequestCounts,
): Promise<Message> {
  counts.inFlight++;
  const link = new LinkedSignal(call);
  const race = new Race<Message>(link, (end, error) => {
    link.release();
    counts.inFlight--;
    if (end === "answered") counts.successful++;
    else if (end === "timedOut") counts.timedOut++;
    else counts.fail(error, call);
  });
  if (race.end !== undefined) return race.promise;
  const now = clock.now();
  const byDeadline = call?.deadline !== undefined && call.deadline < now + totalMs;
  const at = byDeadline ? call.deadline! : now + totalMs;
  const late = () => lateError(next, byDeadline ? "deadline" : "total", at - now);
  if (at <= now) race.expire(late());
  else {
    // First the timer: a layer below that keeps to the deadline as well must not be told first.
    race.limit(clock, at, late);
    try {
      race.follow(Promise.resolve(next.process(message, link.eagerOptions(call, at))));
    } catch (error) {
      race.fail(error);
    }
  }
  return race.promise;
}
