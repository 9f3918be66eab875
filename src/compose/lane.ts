import type { Agent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { JsonObject } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import { LinkedSignal } from "../core/signals.ts";
import { askChild } from "../core/child_call.ts";

/** What a lane has brought: a result of its iterator, or what that threw. */
export interface LaneEvent {
  readonly lane: Lane;
  readonly result?: IteratorResult<Message>;
  readonly failure?: { readonly error: unknown };
}

/** One agent of a merged stream, with a signal of its own. */
export class Lane {
  readonly agent: Agent;
  /** The agent's position. */
  readonly index: number;
  /** The metadata that its chunks are told apart by. */
  readonly tag: JsonObject;
  /** Whether it is one of those that make the answer. */
  seated = false;
  readonly #request: Message;
  readonly #call: CallOptions | undefined;
  readonly #link: LinkedSignal;
  #iterator: AsyncIterator<Message> | undefined;
  /** The last read, which may have ended. */
  #pending: Promise<unknown> | undefined;

  constructor(agent: Agent, index: number, request: Message, call: CallOptions | undefined) {
    this.agent = agent;
    this.index = index;
    this.tag = Object.freeze({ parallel_agent: agent.name });
    this.#request = request;
    this.#call = call;
    this.#link = new LinkedSignal(call);
  }

  /** Asks for the next chunk and reports what comes of it. */
  read(report: (event: LaneEvent) => void): void {
    const pending = this.#pending = this.#next();
    pending.then(
      (result) => report({ lane: this, result }),
      (error) => report({ lane: this, failure: { error } }),
    );
  }

  /** Cancels the agent. Returns what it may take a while to end. */
  cancel(reason: unknown): PromiseLike<unknown>[] {
    this.#link.abort(reason);
    const work: PromiseLike<unknown>[] = [];
    if (this.#pending !== undefined) work.push(this.#pending);
    try {
      const closed = this.#iterator?.return?.();
      if (closed !== undefined) work.push(Promise.resolve(closed));
    } catch {
      // Nobody reads on: what the end of the stream has to say is nobody's.
    }
    return work;
  }

  /** Lets go of the caller's signal. */
  release(): void {
    this.#link.release();
  }

  #next(): Promise<IteratorResult<Message>> {
    try {
      this.#iterator ??= this.#open()[Symbol.asyncIterator]();
      return Promise.resolve(this.#iterator.next());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #open(): AsyncIterable<Message> {
    const options = this.#link.eagerOptions(this.#call);
    return this.agent.stream === undefined
      ? single(this.agent, this.#request, options)
      : this.agent.stream(this.#request, options);
  }
}

async function* single(
  agent: Agent,
  request: Message,
  call: CallOptions,
): AsyncGenerator<Message, void, undefined> {
  yield await askChild(agent, request, call);
}
