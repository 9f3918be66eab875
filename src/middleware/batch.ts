import { type Agent, assertAgent } from "../core/agent.ts";
import { throwIfAborted } from "../core/signals.ts";
import { layered } from "../core/wrap.ts";
import { BatchDispatcher } from "./batch_dispatcher.ts";
import type { Batch, BatchOptions } from "./batch_options.ts";
import { middlewareValue } from "./middleware_value.ts";
import { passStream } from "./pass_stream.ts";

/**
 * Collects calls and sends them together: as soon as there are `maxBatchSize`,
 * or when the first has waited for `maxWaitMs`. An agent that has
 * `processBatch` (see {@linkcode BatchAgent}) gets each batch as one call; of
 * any other the calls of a batch run at the same time, each with its own
 * signal, deadline and values. Wrap such an agent in `batch` before anything
 * else, as other layers hide its `processBatch`.
 *
 * Every caller gets its own answer or its own error, once. One whose signal
 * aborts leaves at once and is not sent; when all of a batch have left, the
 * batch is over and its signal aborts. A call with a deadline waits for others
 * for at most half of its time.
 *
 * The queue is bounded: a call too many is refused with `resource_exhausted`.
 * While nothing waits there is no timer. Streams pass through.
 *
 * @example
 * ```ts
 * import { batch, type BatchAgent, message, text, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const sizes: number[] = [];
 * const embedder: BatchAgent = {
 *   name: "embedder",
 *   process: (m) => Promise.resolve(m),
 *   processBatch: (messages) => {
 *     sizes.push(messages.length);
 *     return Promise.resolve(messages.map((m) => message("agent", text(m).toUpperCase())));
 *   },
 * };
 * await using batched = batch({ maxBatchSize: 3 });
 * const target = wrap(embedder, batched);
 * const answers = await Promise.all(
 *   ["a", "b", "c"].map((word) => target.process(message("user", word))),
 * );
 * assert.deepEqual(answers.map(text), ["A", "B", "C"]);
 * assert.deepEqual(sizes, [3]);
 * ```
 *
 * @throws {RangeError} If a number is out of its range, or `maxQueueSize` less than `maxBatchSize`.
 * @throws {TypeError} If an option has the wrong type.
 */
export function batch(options: BatchOptions = {}): Batch {
  const dispatcher = new BatchDispatcher(options);
  const apply = (next: Agent): Agent => {
    assertAgent(next, "Cannot apply batch");
    const lane = dispatcher.lane(next);
    return layered(next, "batch", {
      process: (message, call) => dispatcher.enqueue(lane, message, call),
      stream: (message, call) => passStream(next, message, call, () => throwIfAborted(call)),
    });
  };
  return middlewareValue(apply, {
    get state() {
      return dispatcher.state;
    },
    get metrics() {
      return dispatcher.counts.snapshot();
    },
    flush: () => dispatcher.flush(),
    close: () => dispatcher.close(),
    [Symbol.asyncDispose]: () => dispatcher.close(),
  });
}
