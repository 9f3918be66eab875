import type { Agent } from "../core/agent.ts";
import { NO_OPTIONS } from "../core/call.ts";
import { AgenkitError, codeOf } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import { isMessage } from "../core/message.ts";
import { reasonOf } from "../core/signals.ts";
import type { BatchItem, ItemOutcome } from "./batch_item.ts";
import type { BatchAgent } from "./batch_options.ts";

/** Where the end of a batch is counted. */
export type BatchEnd =
  | "successfulBatches"
  | "failedBatches"
  | "partialBatches"
  | "cancelledBatches";

/** One batch on its way. It is over when each of its callers has an end. */
export class BatchRun {
  readonly items: readonly BatchItem[];
  readonly #next: Agent;
  readonly #controller = new AbortController();
  readonly #ends: Record<ItemOutcome, number> = { success: 0, failed: 0, cancelled: 0 };
  #left: number;

  constructor(next: Agent, items: readonly BatchItem[]) {
    this.#next = next;
    this.items = items;
    this.#left = items.length;
  }

  /** Calls the agent, once where it can answer a batch, else once a call. */
  start(): void {
    if (isBatchAgent(this.#next)) this.#together(this.#next);
    else for (const item of this.items) this.#alone(item);
  }

  /** Counts an item's end. Tells how the batch has ended when it was the last one. */
  end(item: BatchItem, outcome: ItemOutcome): BatchEnd | undefined {
    this.#ends[outcome]++;
    if (--this.#left > 0) return undefined;
    const { success, failed } = this.#ends;
    if (outcome === "cancelled") this.#controller.abort(reasonOf(item.call));
    if (success + failed === 0) return "cancelledBatches";
    if (failed === 0) return "successfulBatches";
    return success === 0 ? "failedBatches" : "partialBatches";
  }

  #alone(item: BatchItem): void {
    // Calling the one before may have led to this one being given up.
    if (item.settled) return;
    try {
      Promise.resolve(this.#next.process(item.message, item.call))
        .then((message) => item.succeed(message), (error) => item.fail(error));
    } catch (error) {
      item.fail(error);
    }
  }

  #together(next: BatchAgent): void {
    const fail = (error: unknown) => {
      for (const item of this.items) item.fail(error);
    };
    try {
      const messages = this.items.map((item) => item.message);
      const calls = this.items.map((item) => item.call ?? NO_OPTIONS);
      Promise.resolve(next.processBatch(messages, calls, this.#controller.signal))
        .then((answers) => this.#distribute(answers), fail);
    } catch (error) {
      fail(error);
    }
  }

  #distribute(answers: readonly unknown[]): void {
    const { length } = this.items;
    const fits = Array.isArray(answers) && answers.length === length;
    for (const [i, item] of this.items.entries()) {
      const answer: unknown = fits ? answers[i] : undefined;
      if (isMessage(answer)) item.succeed(answer);
      else if (answer instanceof Error || codeOf(answer) !== undefined) item.fail(answer);
      else item.fail(this.#mistake(fits ? answer : answers, fits, length));
    }
  }

  #mistake(got: unknown, fits: boolean, length: number): AgenkitError {
    const expected = fits ? "a message or an Error for each" : `an array of ${length} answers`;
    const found = Array.isArray(got) && !fits ? `one of ${got.length}` : describe(got);
    return new AgenkitError(
      "internal",
      `Cannot use what 'processBatch' of agent '${this.#next.name}' answered: ` +
        `expected ${expected}, got ${found}`,
    );
  }
}

function isBatchAgent(agent: Agent): agent is BatchAgent {
  return typeof (agent as Partial<BatchAgent>).processBatch === "function";
}
