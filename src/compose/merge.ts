import type { Agent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { AgentFailure } from "../core/errors.ts";
import { annotate, type Message, trustedMessage } from "../core/message.ts";
import { toMessage } from "../core/reply.ts";
import { isAborted, reasonOf, throwIfAborted, unwatchAbort, watchAbort } from "../core/signals.ts";
import { failureTag } from "./aggregate.ts";
import { failureOf } from "./failures.ts";
import { Pending } from "./grace.ts";
import { Lane, type LaneEvent } from "./lane.ts";
import { notNeeded, parallelError } from "./parallel_error.ts";
import type { Rule } from "./policy.ts";

/**
 * One stream of a `parallel`: reads several agents, so many at a time, into
 * one stream. Each lane has at most one chunk that was not read yet, and its
 * place in the queue is behind all that were ready before: that is what makes
 * it fair and keeps backpressure.
 *
 * An agent takes a seat with its first chunk, or with its end. The rule says
 * how many seats there are; when the last one is taken the others are
 * cancelled. Before it has a seat an agent may fail, as long as enough are left.
 */
export class Merge {
  readonly #agents: readonly Agent[];
  readonly #rule: Rule;
  readonly #concurrency: number;
  readonly #request: Message;
  readonly #call: CallOptions | undefined;
  readonly #lanes = new Set<Lane>();
  readonly #ready: LaneEvent[] = [];
  readonly #failures: AgentFailure[] = [];
  readonly #leftovers = new Pending();
  #wake: PromiseWithResolvers<void> | undefined;
  #started = 0;
  #seats = 0;

  constructor(
    agents: readonly Agent[],
    rule: Rule,
    concurrency: number,
    request: Message,
    call: CallOptions | undefined,
  ) {
    this.#agents = agents;
    this.#rule = rule;
    this.#concurrency = concurrency;
    this.#request = request;
    this.#call = call;
  }

  /** The chunks of all agents, each tagged with its agent's name. */
  async *chunks(): AsyncGenerator<Message> {
    this.#fill();
    while (this.#lanes.size > 0) {
      const event = this.#ready.shift() ?? await this.#next();
      if (event === undefined || !this.#lanes.has(event.lane)) continue;
      const chunk = this.#handle(event);
      if (chunk === undefined) continue;
      yield annotate(chunk, event.lane.tag);
      throwIfAborted(this.#call);
      if (this.#lanes.has(event.lane)) this.#read(event.lane);
    }
    this.#failures.sort((a, b) => a.index - b.index);
    // Only where failures are results can all of them have failed by now.
    if (this.#failures.length === this.#agents.length) throw this.#error();
    if (this.#failures.length > 0) yield trustedMessage("agent", "", failureTag(this.#failures));
  }

  /** Cancels what still runs. Returns what has not ended yet. */
  stop(): Pending {
    for (const lane of this.#lanes) this.#cancel(lane);
    return this.#leftovers;
  }

  /** Takes note of an event. Returns the chunk, if it is one. */
  #handle({ lane, result, failure }: LaneEvent): Message | undefined {
    let chunk: Message | undefined;
    let cause = failure;
    if (result !== undefined && !result.done) {
      try {
        chunk = toMessage(lane.agent.name, result.value);
      } catch (error) {
        cause = { error };
        this.#cancel(lane);
      }
    }
    if (chunk === undefined) {
      this.#lanes.delete(lane);
      lane.release();
    }
    if (cause !== undefined) this.#fail(lane, cause.error);
    else if (!lane.seated) this.#seat(lane);
    if (chunk === undefined) this.#fill();
    return chunk;
  }

  #fail(lane: Lane, error: unknown): void {
    this.#failures.push(failureOf(lane.agent, lane.index, error));
    const left = this.#agents.length - this.#failures.length;
    if (!this.#rule.settled && (lane.seated || left < this.#rule.needed)) throw this.#error();
  }

  #error(): Error {
    return parallelError(this.#failures, this.#rule, this.#agents);
  }

  #seat(lane: Lane): void {
    lane.seated = true;
    if (++this.#seats < this.#rule.needed) return;
    this.#started = this.#agents.length;
    for (const other of this.#lanes) if (!other.seated) this.#cancel(other);
  }

  #cancel(lane: Lane): void {
    this.#lanes.delete(lane);
    const end = () => this.#leftovers.end();
    for (const work of lane.cancel(notNeeded())) {
      this.#leftovers.begin();
      work.then(end, end);
    }
  }

  /** Starts agents for as long as there is room. */
  #fill(): void {
    while (
      this.#lanes.size < this.#concurrency && this.#started < this.#agents.length &&
      !isAborted(this.#call)
    ) {
      const index = this.#started++;
      const lane = new Lane(this.#agents[index]!, index, this.#request, this.#call);
      this.#lanes.add(lane);
      this.#read(lane);
    }
  }

  #read(lane: Lane): void {
    lane.read((event) => {
      this.#ready.push(event);
      this.#wake?.resolve();
    });
  }

  async #next(): Promise<LaneEvent | undefined> {
    throwIfAborted(this.#call);
    const wake = this.#wake = Promise.withResolvers();
    const watcher = { handleEvent: () => wake.reject(reasonOf(this.#call)) };
    watchAbort(this.#call, watcher);
    try {
      await wake.promise;
    } finally {
      unwatchAbort(this.#call, watcher);
    }
    return this.#ready.shift();
  }
}
