import { type Agent, toMessage } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { isAborted } from "../core/signals.ts";
import type { AgentResult } from "./agent_result.ts";
import { Pending } from "./grace.ts";
import type { Rule } from "./policy.ts";

/**
 * One call of a `parallel`: asks the agents, so many at a time, until the rule
 * is decided. Stops starting agents then; to cancel those that run is up to
 * the owner of the signal.
 */
export class FanOut {
  /** What still runs. */
  readonly pending: Pending = new Pending();
  /** How many agents have failed. */
  failed = 0;
  readonly #agents: readonly Agent[];
  readonly #rule: Rule;
  readonly #request: Message;
  readonly #call: CallOptions;
  readonly #results: AgentResult[] = [];
  #decide!: () => void;
  #over = false;
  #started = 0;
  #answered = 0;

  constructor(agents: readonly Agent[], rule: Rule, request: Message, call: CallOptions) {
    this.#agents = agents;
    this.#rule = rule;
    this.#request = request;
    this.#call = call;
  }

  /** Asks the agents, at most `concurrency` at a time. Resolves when the rule is decided. */
  run(concurrency: number): Promise<void> {
    return new Promise((resolve) => {
      this.#decide = resolve;
      const first = Math.min(concurrency, this.#agents.length);
      // A child may abort the call while it is being started.
      while (this.#started < first && !isAborted(this.#call)) this.#start();
    });
  }

  /** What became of each agent; those without a result so far are taken to be cancelled. */
  results(): readonly AgentResult[] {
    for (let index = 0; index < this.#agents.length; index++) {
      this.#results[index] ??= { status: "cancelled", agent: this.#agents[index]!.name, index };
    }
    return this.#results;
  }

  /** Whether so many have failed that there cannot be enough answers. */
  get hopeless(): boolean {
    return !this.#rule.settled && this.failed > this.#agents.length - this.#rule.needed;
  }

  #start(): void {
    const index = this.#started++;
    const child = this.#agents[index]!;
    this.pending.begin();
    let work: Promise<Message>;
    try {
      work = Promise.resolve(child.process(this.#request, this.#call));
    } catch (error) {
      work = Promise.reject(error);
    }
    work.then(
      (answer) => this.#answer(index, child.name, answer),
      (cause) => this.#fail(index, child.name, cause),
    );
  }

  #answer(index: number, agent: string, answer: unknown): void {
    let message: Message;
    try {
      message = toMessage(agent, answer);
    } catch (error) {
      return this.#fail(index, agent, error);
    }
    if (!this.#over) {
      this.#answered++;
      this.#results[index] = { status: "answered", agent, index, message };
    }
    this.#next();
  }

  #fail(index: number, agent: string, cause: unknown): void {
    if (!this.#over) {
      this.failed++;
      this.#results[index] = { status: "failed", agent, index, cause };
    }
    this.#next();
  }

  /** Decides, or starts another agent, after one has ended. */
  #next(): void {
    this.pending.end();
    if (this.#over) return;
    const enough = this.#rule.settled
      ? this.#answered + this.failed === this.#agents.length
      : this.#answered >= this.#rule.needed;
    if (enough || this.hopeless) {
      this.#over = true;
      this.#decide();
    } else if (this.#started < this.#agents.length && !isAborted(this.#call)) this.#start();
  }
}
