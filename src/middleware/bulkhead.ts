import type { Middleware } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import { layered } from "../core/wrap.ts";
import { Gate } from "./bulkhead_gate.ts";
import { type Bulkhead, type BulkheadOptions, bulkheadPolicy } from "./bulkhead_options.ts";
import { middlewareValue } from "./middleware_value.ts";
import { passStream, type StreamObserver } from "./pass_stream.ts";

/**
 * Limits how many calls run at once; some more wait in order of arrival, the
 * rest are refused with a {@linkcode BulkheadFullError}. One slow agent then
 * cannot take all of a program's memory and sockets, like a leak in a ship with
 * bulkheads. A place is held until the agent has really ended, and by a stream
 * to its end.
 *
 * With `adaptive` the limit follows what the agent can take. One value may wrap
 * several agents, which then share its places.
 *
 * @example
 * ```ts
 * import { agent, bulkhead, BulkheadFullError, delay, message, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const slow = agent("slow", async () => {
 *   await delay(5);
 *   return "done";
 * });
 * const limited = wrap(slow, bulkhead({ maxConcurrent: 1, maxQueue: 0 }));
 * const first = limited.process(message("user", "1"));
 * await assert.rejects(limited.process(message("user", "2")), BulkheadFullError);
 * await first;
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function bulkhead(options: BulkheadOptions = {}): Bulkhead {
  const gate = new Gate(bulkheadPolicy(options));
  const apply: Middleware = (next) =>
    layered(next, "bulkhead", {
      process: async (message, call) => {
        const place = gate.enter(next, call);
        if (place !== undefined) {
          await place;
          gate.resume(call);
        }
        const start = gate.start();
        try {
          const answer = await next.process(message, call);
          gate.succeeded(start);
          return answer;
        } catch (error) {
          gate.failed(error, call, start);
          throw error;
        }
      },
      stream: (message, call) =>
        passStream(next, message, call, async () => {
          await gate.enter(next, call);
          gate.resume(call);
          return observer(gate, call);
        }),
    });
  return middlewareValue(apply, {
    get metrics() {
      return gate.metrics;
    },
  });
}

function observer(gate: Gate, call: CallOptions | undefined): StreamObserver {
  const start = gate.start();
  return {
    succeeded: () => gate.succeeded(start),
    failed: (error) => gate.failed(error, call, start),
    abandoned: () => gate.abandoned(),
  };
}
