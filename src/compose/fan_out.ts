import { type Agent, toMessage } from "../core/agent.ts";
import type { CallOptions } from "../core/call.ts";
import type { Message } from "../core/message.ts";
import { isAborted } from "../core/signals.ts";
import type { AgentResult } from "./agent_result.ts";
import { Leftovers } from "./grace.ts";
import type { Rule } from "./policy.ts";

/** How a {@linkcode FanOut} ended. */
export type Verdict = "enough" | "too few";

/**
 * One call of a `parallel`: asks the agents, so many at a time, until the rule
 * is decided. Stops starting agents then; to cancel those that run is up to
 * the owner of the signal.
 */
export class FanOut {
  readonly #agents: readonly Agent[];
  readonly #rule: Rule;
  readonly #request: Message;
  readonly #call: CallOptions;
  readonly #results: (AgentResult | undefined)[];
  readonly #running = new Map<number, Promise<unknown>>();
  readonly #decided = Promise.withResolvers<Verdict>();
  #over = false;
  #started = 0;
  #answered = 0;
  #failed = 0;

  constructor(agents: readonly Agent[], rule: Rule, request: Message, call: CallOptions) {
    this.#agents = agents;
    this.#rule = rule;
    this.#request = request;
    this.#call = call;
    this.#results = new Array(agents.length);
  }

  /** Asks the agents, at most `concurrency` at a time. */
  run(concurrency: number): Promise<Verdict> {
    const first = Math.min(concurrency, this.#agents.length);
    // A child may abort the call while it is being started.
    while (this.#started < first && !isAborted(this.#call)) this.#start();
    return this.#decided.promise;
  }

  /** What became of each agent so far; those without a result are taken to be cancelled. */
  results(): readonly AgentResult[] {
    return this.#agents.map((agent, index) =>
      this.#results[index] ?? { status: "cancelled", agent: agent.name, index }
    );
  }

  /** The agents that still run. */
  leftovers(): Leftovers {
    const leftovers = new Leftovers();
    for (const work of this.#running.values()) leftovers.add(work);
    return leftovers;
  }

  /** Whether an agent still runs. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  #start(): void {
    const index = this.#started++;
    const agent = this.#agents[index]!;
    let work: Promise<Message>;
    try {
      work = Promise.resolve(agent.process(this.#request, this.#call));
    } catch (error) {
      work = Promise.reject(error);
    }
    this.#running.set(index, work);
    work.then((answer) => this.#answer(index, agent, answer), (cause) => {
      this.#settle({ status: "failed", agent: agent.name, index, cause });
    });
  }

  #answer(index: number, { name }: Agent, answer: unknown): void {
    let result: AgentResult;
    try {
      result = { status: "answered", agent: name, index, message: toMessage(name, answer) };
    } catch (cause) {
      result = { status: "failed", agent: name, index, cause };
    }
    this.#settle(result);
  }

  #settle(result: AgentResult): void {
    this.#running.delete(result.index);
    if (this.#over) return;
    this.#results[result.index] = result;
    if (result.status === "answered") this.#answered++;
    else this.#failed++;
    const verdict = this.#judge();
    if (verdict !== undefined) {
      this.#over = true;
      this.#decided.resolve(verdict);
    } else if (this.#started < this.#agents.length && !isAborted(this.#call)) this.#start();
  }

  #judge(): Verdict | undefined {
    const { needed, settled } = this.#rule;
    const count = this.#agents.length;
    if (settled) return this.#answered + this.#failed === count ? "enough" : undefined;
    if (this.#answered >= needed) return "enough";
    return this.#failed > count - needed ? "too few" : undefined;
  }
}
