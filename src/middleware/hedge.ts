import { closeIterator } from "../core/abortable.ts";
import { type Agent, type Middleware, streamOf } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { isAborted, type LinkedSignal } from "../core/signals.ts";
import { layered } from "../core/wrap.ts";
import { HedgeDelay } from "./hedge_delay.ts";
import {
  type Hedge,
  type HedgeMetrics,
  type HedgeOptions,
  type HedgePolicy,
  hedgePolicy,
} from "./hedge_options.ts";
import { type HedgeCounts, HedgeRace } from "./hedge_race.ts";
import { middlewareValue } from "./middleware_value.ts";
import { RequestCounts } from "./request_counts.ts";

/**
 * Calls the agent once more when it is slow, takes the first answer and
 * cancels the other attempt. That cuts the slowest calls at the price of a few
 * more: waiting for the 95th percentile makes for at most 5 % more calls, and a
 * budget keeps it so when everything is slow. After Dean and Barroso, "The Tail
 * at Scale" (2013).
 *
 * An attempt that fails leaves the others to it; when all have failed the first
 * one's error is thrown. For trying again after a failure there is `retry`. Of
 * streams the first to yield a chunk wins.
 *
 * Only for agents that may be called twice with the same message.
 *
 * @example
 * ```ts
 * import { agent, delay, hedge, message, text, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * let calls = 0;
 * const uneven = agent("uneven", async (_, call) => {
 *   if (++calls === 1) await delay(60_000, { signal: call.signal! });
 *   return `answered by call ${calls}`;
 * });
 * const even = wrap(uneven, hedge({ delayMs: 5 }));
 * assert.equal(text(await even.process(message("user", "hi"))), "answered by call 2");
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function hedge(options: HedgeOptions = {}): Hedge {
  const hedger = new Hedger(hedgePolicy(options));
  const apply: Middleware = (next) =>
    layered(next, "hedge", {
      process: (message, call) => hedger.process(next, message, call),
      stream: (message, call) => hedger.stream(next, message, call),
    });
  return middlewareValue(apply, {
    get metrics() {
      return hedger.metrics;
    },
  });
}

class Hedger {
  readonly #policy: HedgePolicy;
  readonly #delay: HedgeDelay;
  readonly #counts = new RequestCounts();
  readonly #hedges: HedgeCounts = { hedges: 0, hedgeWins: 0, hedgesDenied: 0 };

  constructor(policy: HedgePolicy) {
    this.#policy = policy;
    this.#delay = new HedgeDelay(policy);
  }

  get metrics(): HedgeMetrics {
    const { ms: currentDelayMs } = this.#delay;
    return Object.freeze({ ...this.#counts.metrics, ...this.#hedges, currentDelayMs });
  }

  async process(next: Agent, message: Message, call?: CallOptions): Promise<Message> {
    const counts = this.#counts;
    counts.inFlight++;
    this.#policy.budget.deposit();
    try {
      const answer = await new HedgeRace(
        next,
        call,
        async (options, { link }) => {
          try {
            return await next.process(message, options);
          } finally {
            link.release();
          }
        },
        this.#policy,
        this.#delay,
        this.#hedges,
      ).promise;
      counts.successful++;
      return answer;
    } catch (error) {
      counts.fail(error, call);
      throw error;
    } finally {
      counts.inFlight--;
    }
  }

  async *stream(next: Agent, message: Message, call?: CallOptions): AsyncGenerator<Message> {
    const counts = this.#counts;
    counts.inFlight++;
    this.#policy.budget.deposit();
    let winner: Begun | undefined;
    /** Whether the consumer has a chunk, and may not come back. */
    let handedOn = false;
    try {
      const first = await new HedgeRace<Begun>(
        next,
        call,
        async (options, attempt) => {
          const source = streamOf(next, message, options)[Symbol.asyncIterator]();
          attempt.discard = () => void closeIterator(source, true);
          return { link: attempt.link, source, result: await source.next() };
        },
        this.#policy,
        this.#delay,
        this.#hedges,
      ).promise;
      winner = first;
      for (let { result } = first; !result.done; result = await winner.source.next()) {
        handedOn = true;
        yield result.value;
        handedOn = false;
      }
      counts.successful++;
    } catch (error) {
      if (!handedOn) counts.fail(error, call);
      throw error;
    } finally {
      counts.inFlight--;
      if (!handedOn) winner?.link.release();
      else {
        counts.cancelled++;
        // First the signal: what the stream has begun may hold its end up.
        winner!.link.abort(new DOMException("The consumer stopped reading", "AbortError"));
        await closeIterator(winner!.source, isAborted(call));
      }
    }
  }
}

/** A stream that has yielded its first chunk, or ended without one. */
interface Begun {
  readonly link: LinkedSignal;
  readonly source: AsyncIterator<Message>;
  readonly result: IteratorResult<Message>;
}
