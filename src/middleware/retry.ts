import { closeIterator } from "../core/abortable.ts";
import { type Agent, type Middleware, streamOf } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import { earlier, NO_OPTIONS } from "../core/call.ts";
import { AgenkitError, TimeoutError } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import { isAborted, throwIfAborted } from "../core/signals.ts";
import { layered } from "../core/wrap.ts";
import { middlewareValue } from "./middleware_value.ts";
import { RequestCounts } from "./request_counts.ts";
import type { Retry, RetryMetrics, RetryOptions, RetryPolicy } from "./retry_options.ts";
import { retryPolicy } from "./retry_options.ts";
import { type RetryCounts, RetryRun } from "./retry_run.ts";

/**
 * Calls the agent again when it fails, after waits that grow and are spread by
 * chance. The error thrown in the end is the last attempt's own, unchanged;
 * `attemptsOf(error)` tells about all of them.
 *
 * It does not try again what cannot succeed (see {@linkcode isRetryable}) and
 * what the caller has cancelled, waits at least as long as an error's
 * `retryAfterMs` asks for, and starts no attempt for which the call's deadline
 * leaves no time. A stream is tried again only until its first chunk was
 * handed on: chunks cannot be taken back.
 *
 * Only for agents that may be called twice with the same message.
 *
 * @example
 * ```ts
 * import { agent, message, retry, text, wrap } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * let calls = 0;
 * const flaky = agent("flaky", () => {
 *   if (++calls < 3) throw new Error("try again");
 *   return "done";
 * });
 * const steady = wrap(flaky, retry({ initialBackoffMs: 1 }));
 * assert.equal(text(await steady.process(message("user", "go"))), "done");
 * assert.equal(calls, 3);
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function retry(options: RetryOptions = {}): Retry {
  const retrier = new Retrier(retryPolicy(options, isRetryable));
  const apply: Middleware = (next) =>
    layered(next, "retry", {
      process: (message, call) => retrier.process(next, message, call),
      stream: (message, call) => retrier.stream(next, message, call),
    });
  return middlewareValue(apply, {
    get metrics() {
      return retrier.metrics;
    },
  });
}

/**
 * Whether trying again may help: errors of this package say so themselves
 * (`retryable`: not when cancelled, refused by an open circuit, or caused by
 * bad arguments), what was aborted is not tried again, anything else is.
 *
 * @example
 * ```ts
 * import { AgenkitError, isRetryable } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * assert.equal(isRetryable(new AgenkitError("unavailable", "restarting")), true);
 * assert.equal(isRetryable(new AgenkitError("invalid_argument", "no text")), false);
 * assert.equal(isRetryable(new Error("connection reset")), true);
 * ```
 */
export function isRetryable(error: unknown): boolean {
  if (error instanceof AgenkitError) return error.retryable;
  return !(typeof error === "object" && error !== null && "name" in error &&
    error.name === "AbortError");
}

class Retrier {
  readonly #policy: RetryPolicy;
  readonly #counts = new RequestCounts();
  readonly #retries: RetryCounts = { retries: 0, retriesDenied: 0 };

  constructor(policy: RetryPolicy) {
    this.#policy = policy;
  }

  get metrics(): RetryMetrics {
    return Object.freeze({ ...this.#counts.metrics, ...this.#retries });
  }

  async process(next: Agent, message: Message, outer?: CallOptions): Promise<Message> {
    const counts = this.#counts;
    const call = this.#begin(outer);
    let failure: unknown;
    try {
      const answer = await next.process(message, call);
      counts.inFlight--;
      counts.successful++;
      return answer;
    } catch (error) {
      failure = error;
    }
    return await this.#again(next, message, call, failure);
  }

  /** What follows the first failure; apart, so that calls that succeed do not pay for it. */
  async #again(
    next: Agent,
    message: Message,
    call: CallOptions | undefined,
    failure: unknown,
  ): Promise<Message> {
    const counts = this.#counts;
    try {
      const run = new RetryRun(this.#policy, this.#retries, next.name, call);
      for (let error = failure;;) {
        await run.failed(error);
        try {
          const answer = await next.process(message, call);
          counts.successful++;
          return answer;
        } catch (again) {
          error = again;
        }
      }
    } catch (error) {
      counts.fail(error, call);
      throw error;
    } finally {
      counts.inFlight--;
    }
  }

  async *stream(next: Agent, message: Message, outer?: CallOptions): AsyncGenerator<Message> {
    const counts = this.#counts;
    const call = this.#begin(outer);
    let run: RetryRun | undefined;
    let handedOn = false;
    /** What has to be closed if the consumer leaves. */
    let source: AsyncIterator<Message> | undefined;
    try {
      for (;;) {
        let result: IteratorResult<Message>;
        try {
          source ??= streamOf(next, message, call)[Symbol.asyncIterator]();
          result = await source.next();
        } catch (error) {
          source = undefined;
          run ??= new RetryRun(this.#policy, this.#retries, next.name, call);
          if (handedOn) run.broken(error);
          await run.failed(error);
          continue;
        }
        if (result.done) {
          source = undefined;
          counts.successful++;
          return;
        }
        handedOn = true;
        yield result.value;
      }
    } catch (error) {
      if (source === undefined) counts.fail(error, call);
      throw error;
    } finally {
      counts.inFlight--;
      if (source !== undefined) {
        counts.cancelled++;
        // An agent that ignores its signal must not hold up a consumer that has left.
        await closeIterator(source, isAborted(call));
      }
    }
  }

  /** Counts a call and makes the options for its attempts, if there is time for one. */
  #begin(outer: CallOptions | undefined): CallOptions | undefined {
    const { budget, totalMs, clock } = this.#policy;
    this.#counts.inFlight++;
    budget?.deposit();
    try {
      throwIfAborted(outer);
      if (totalMs === undefined && outer?.deadline === undefined) return outer;
      const now = clock.now();
      if (outer?.deadline !== undefined && now >= outer.deadline) {
        throw new TimeoutError("Cannot start an attempt: the deadline of the call has passed");
      }
      if (totalMs === undefined) return outer;
      return { ...(outer ?? NO_OPTIONS), deadline: earlier(outer?.deadline, now + totalMs) };
    } catch (error) {
      this.#counts.inFlight--;
      this.#counts.fail(error, outer);
      throw error;
    }
  }
}
