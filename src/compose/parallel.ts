import type { Agent, StreamingAgent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import type { AgentFailure } from "../core/errors.ts";
import { isMessage, type Message } from "../core/message.ts";
import { checkFunction, checkNumber, checkOptions } from "../core/options.ts";
import { LinkedSignal, throwIfAborted } from "../core/signals.ts";
import { failuresOf } from "./agent_result.ts";
import { type Aggregate, joinAnswers } from "./aggregate.ts";
import { raced } from "../core/child_call.ts";
import { type Reply, toMessage } from "../core/reply.ts";
import {
  anyStreams,
  checkAgents,
  Composition,
  type CompositionOptions,
  refuseDuplicates,
} from "./children.ts";
import { FanOut } from "./fan_out.ts";
import { Merge } from "./merge.ts";
import { notNeeded, parallelError } from "./parallel_error.ts";
import { type ParallelPolicy, type Rule, ruleOf } from "./policy.ts";

/** Options of {@linkcode parallel}. */
export interface ParallelOptions extends CompositionOptions {
  /** When there is an answer. @default {"all"} */
  readonly policy?: ParallelPolicy | undefined;
  /** How many agents may run at a time. @default {Infinity} */
  readonly concurrency?: number | undefined;
  /**
   * Makes the answer from the results. Default: a line `[agent]: text` for each
   * answer, and the metadata as `{agent}.{key}`.
   */
  readonly aggregate?: Aggregate | undefined;
  /**
   * How long to wait for agents that were cancelled and take time to end, in
   * milliseconds. With 0, those that end within the pending promise jobs are
   * waited for, and nobody else.
   *
   * @default {0}
   */
  readonly graceMs?: number | undefined;
  /** Where the time of `graceMs` comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** What {@linkcode parallel} makes. */
export interface ParallelAgent extends Agent {
  /** The agents, in the order of their results. Frozen. */
  readonly agents: readonly Agent[];
}

/**
 * Makes one agent of several that all get the same message at the same time.
 *
 * - The usual answer has a line `[agent]: text` for each answer, in the order
 *   of the agents whatever the order in which they came, and their metadata as
 *   `{agent}.{key}`. With `aggregate` it is whatever is made of the results.
 * - `policy` says how many have to answer. Once that is decided the others are
 *   cancelled and waited for: those that obey their signal have ended when the
 *   call returns. One that ignores it is left behind, and what becomes of it is
 *   dropped.
 * - If too few answer, the call rejects with an `AggregateAgentError` that has
 *   each agent's error. Failures that the policy allows for are in the results
 *   given to `aggregate`, and listed by agent and code as `parallel_failures`
 *   in the usual answer.
 * - Streams if any of the agents does, all chunks as they come, each with its
 *   agent's name as `parallel_agent`. Of agents that are ready each has a chunk
 *   in turn, and none is asked for another before its last one was read. The
 *   policy counts agents that have begun to answer: once there are enough the
 *   others are cancelled, and from then on none may fail. `aggregate` has no
 *   part in that; failures allowed for end the stream with an empty chunk that
 *   lists them.
 *
 * @example
 * ```ts
 * import { agent, message, parallel, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const pro = agent("pro", () => "It is fast");
 * const con = agent("con", () => ({ content: "It is new", metadata: { sure: 0.5 } }));
 * const answer = await parallel([pro, con]).process(message("user", "Should we?"));
 * assert.equal(text(answer), "[pro]: It is fast\n[con]: It is new");
 * assert.deepEqual(answer.metadata, { "con.sure": 0.5 });
 * ```
 *
 * @param agents The agents; at least one, each with a name of its own.
 * @throws {TypeError} If there is no agent, two have one name, or something is not what it should be.
 * @throws {RangeError} If a number is out of bounds.
 */
export function parallel(
  agents: readonly StreamingAgent[],
  options?: ParallelOptions,
): ParallelAgent & StreamingAgent;
/** Makes one agent of several that may or may not stream. */
export function parallel(agents: readonly Agent[], options?: ParallelOptions): ParallelAgent;
export function parallel(agents: readonly Agent[], options: ParallelOptions = {}): ParallelAgent {
  const checked = checkAgents("parallel", agents);
  refuseDuplicates("parallel", checked);
  return new Parallel(checked, checkOptions("make a parallel agent", options));
}

const NO_FAILURES: readonly AgentFailure[] = Object.freeze([]);

class Parallel extends Composition implements ParallelAgent {
  readonly agents: readonly Agent[];
  declare readonly stream?: NonNullable<Agent["stream"]>;
  readonly #rule: Rule;
  readonly #concurrency: number;
  readonly #aggregate: Aggregate | undefined;
  readonly #graceMs: number;
  readonly #clock: Clock;

  constructor(agents: readonly Agent[], options: ParallelOptions) {
    super("parallel", options.name, agents);
    const { policy = "all", concurrency = Number.POSITIVE_INFINITY, graceMs = 0 } = options;
    const action = "make a parallel agent";
    checkFunction(action, "aggregate", options.aggregate);
    this.agents = agents;
    this.#rule = ruleOf(policy, agents.length);
    this.#concurrency = checkNumber(action, "concurrency", concurrency, {
      min: 1,
      integer: true,
      infinite: true,
    });
    this.#graceMs = checkNumber(action, "graceMs", graceMs, { min: 0 });
    this.#aggregate = options.aggregate;
    this.#clock = options.clock ?? systemClock;
    if (anyStreams(agents)) this.stream = (request, call) => this.#stream(request, call);
  }

  process(request: Message, call?: CallOptions): Promise<Message> {
    return raced(
      new Promise((resolve, reject) => {
        throwIfAborted(call);
        const link = new LinkedSignal(call);
        const fanOut = new FanOut(this.agents, this.#rule, request, link.eagerOptions(call));
        fanOut.run(this.#concurrency, () => {
          try {
            resolve(this.#conclude(fanOut, link, request, call));
          } catch (error) {
            reject(error);
          }
        });
      }),
      call,
    );
  }

  /** Makes the answer once the rule is decided. Synchronous if there is nothing to wait for. */
  #conclude(
    fanOut: FanOut,
    link: LinkedSignal,
    request: Message,
    call: CallOptions | undefined,
  ): Message | Promise<Message> {
    throwIfAborted(call);
    if (!fanOut.pending.busy) {
      link.release();
      return this.#answer(fanOut, request, call);
    }
    link.abort(notNeeded());
    return fanOut.pending.wait(this.#graceMs, this.#clock, call)
      .then(() => this.#answer(fanOut, request, call));
  }

  #answer(
    fanOut: FanOut,
    request: Message,
    call: CallOptions | undefined,
  ): Message | Promise<Message> {
    const results = fanOut.results();
    const failures = fanOut.failed === 0 ? NO_FAILURES : failuresOf(results, this.agents);
    const none = failures.length === this.agents.length && this.#aggregate === undefined;
    if (fanOut.hopeless || none) throw parallelError(failures, this.#rule, this.agents);
    if (this.#aggregate === undefined) return joinAnswers(results, failures);
    const answer = this.#aggregate(results, request, call);
    return isMessage(answer) ? answer : this.#waitFor(answer);
  }

  async #waitFor(answer: Reply | Promise<Reply>): Promise<Message> {
    return toMessage(this.name, await answer);
  }

  async *#stream(request: Message, call: CallOptions | undefined): AsyncGenerator<Message> {
    throwIfAborted(call);
    const merge = new Merge(this.agents, this.#rule, this.#concurrency, request, call);
    try {
      yield* merge.chunks();
    } finally {
      await merge.stop().wait(this.#graceMs, this.#clock, call);
    }
  }
}
