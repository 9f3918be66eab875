import { closeIterator } from "../core/abortable.ts";
import type { Agent, Middleware } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Clock } from "../core/clock.ts";
import type { Message } from "../core/message.ts";
import { checkClock, checkOptions } from "../core/options.ts";
import { isAborted, throwIfAborted } from "../core/signals.ts";
import { layered } from "../core/wrap.ts";
import { MetricsRecorder } from "./metrics_recorder.ts";
import type { MetricsSnapshot } from "./metrics_snapshot.ts";
import { middlewareValue } from "./middleware_value.ts";

/** Options of {@linkcode metrics}. */
export interface MetricsOptions {
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** What {@linkcode metrics} returns: a middleware that shows what it has counted. */
export interface Metrics extends Middleware {
  /** What was counted so far, as a plain frozen object that no later call changes. */
  snapshot(): MetricsSnapshot;
  /** Starts counting afresh. Calls in flight stay in flight, and count for the new period. */
  reset(): void;
}

/**
 * Counts calls and how they end, and measures how long they take, for
 * `process` and for `stream`. Costs two readings of the clock a call, and a
 * fixed amount of memory however many calls there are.
 *
 * Being cancelled is an outcome of its own: neither a success nor an error. A
 * stream counts when it ends; one that its consumer leaves early counts as
 * cancelled.
 *
 * One value may wrap several agents, which are then counted together.
 *
 * @example
 * ```ts
 * import { agent, message, metrics, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const counted = metrics();
 * const echo = wrap(agent("echo", (m) => m.content as string), counted);
 * await echo.process(message("user", "hello"));
 *
 * const { totalRequests, successRequests, latencyMs } = counted.snapshot();
 * assert.equal(totalRequests, 1);
 * assert.equal(successRequests, 1);
 * assert.ok(latencyMs.p99! >= 0);
 * ```
 *
 * @throws {TypeError} If `clock` is not a clock.
 */
export function metrics(options: MetricsOptions = {}): Metrics {
  checkOptions("measure", options);
  const clock = checkClock("measure", options.clock);
  const recorder = new MetricsRecorder();
  const apply = (next: Agent): Agent =>
    layered(next, "metrics", {
      process: async (message, call) => {
        recorder.begin();
        const start = clock.now();
        let answer: Message;
        try {
          throwIfAborted(call);
          answer = await next.process(message, call);
        } catch (error) {
          recorder.fail(error, call, clock.now() - start);
          throw error;
        }
        recorder.succeed(clock.now() - start);
        return answer;
      },
      stream: (message, call) => measured(next, message, call, clock, recorder),
    });
  return middlewareValue(apply, {
    snapshot: () => recorder.snapshot(),
    reset: () => recorder.reset(),
  });
}

async function* measured(
  next: Agent,
  message: Message,
  call: CallOptions | undefined,
  clock: Clock,
  recorder: MetricsRecorder,
): AsyncGenerator<Message> {
  recorder.beginStream();
  let iterator: AsyncIterator<Message> | undefined;
  let waitedMs = 0;
  let started = false;
  let ended = false;
  try {
    for (;;) {
      const start = clock.now();
      let result: IteratorResult<Message>;
      try {
        if (iterator === undefined) throwIfAborted(call);
        iterator ??= next.stream!(message, call)[Symbol.asyncIterator]();
        result = await iterator.next();
      } catch (error) {
        ended = true;
        recorder.fail(error, call, waitedMs + clock.now() - start);
        throw error;
      }
      waitedMs += clock.now() - start;
      if (result.done) {
        ended = true;
        recorder.succeed(waitedMs);
        return;
      }
      if (!started) {
        started = true;
        recorder.firstChunk(waitedMs);
      }
      recorder.chunk();
      yield result.value;
    }
  } finally {
    if (!ended) {
      recorder.abandon();
      // An agent that ignores its signal must not hold up a consumer that has left.
      await closeIterator(iterator!, isAborted(call));
    }
  }
}
