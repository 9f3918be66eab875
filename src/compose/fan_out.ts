import type { Agent } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { toMessage } from "../core/reply.ts";
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
  /** Of full length from the start, so that it never grows. */
  readonly #results: AgentResult[];
  #decided!: () => void;
  #over = false;
  #started = 0;
  #answered = 0;

  constructor(agents: readonly Agent[], rule: Rule, request: Message, call: CallOptions) {
    this.#agents = agents;
    this.#rule = rule;
    this.#request = request;
    this.#call = call;
    this.#results = new Array<AgentResult>(agents.length);
  }

  /** Asks the agents, at most `concurrency` at a time. Tells once when the rule is decided. */
  run(concurrency: number, decided: () => void): void {
    this.#decided = decided;
    const first = Math.min(concurrency, this.#agents.length);
    // A child may abort the call while it is being started.
    while (this.#started < first && !isAborted(this.#call)) this.#start();
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

  async #start(): Promise<void> {
    const index = this.#started++;
    const child = this.#agents[index]!;
    this.pending.begin();
    let result: AgentResult;
    try {
      const message = toMessage(child.name, await child.process(this.#request, this.#call));
      result = { status: "answered", agent: child.name, index, message };
    } catch (cause) {
      result = { status: "failed", agent: child.name, index, cause };
    }
    this.pending.end();
    if (!this.#over) this.#note(result);
  }

  /** Takes note of a result, then decides or starts another agent. */
  #note(result: AgentResult): void {
    this.#results[result.index] = result;
    if (result.status === "answered") this.#answered++;
    else this.failed++;
    const enough = this.#rule.settled
      ? this.#answered + this.failed === this.#agents.length
      : this.#answered >= this.#rule.needed;
    if (enough || this.hopeless) {
      this.#over = true;
      this.#decided();
    } else if (this.#started < this.#agents.length && !isAborted(this.#call)) this.#start();
  }
}
