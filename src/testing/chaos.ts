import { type Agent, assertAgent, type StreamingAgent } from "../core/agent.ts";
import { type CallOptions, NO_OPTIONS } from "../core/call.ts";
import { raced } from "../core/child_call.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { describe } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import { checkOptions } from "../core/options.ts";
import { throwIfAborted } from "../core/signals.ts";
import { checkFault, type Fault, type FaultPlan } from "./fault.ts";

/** Options of {@linkcode chaos}. */
export interface ChaosOptions {
  /** Where the time of delays comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** An agent with faults, and what became of its calls. */
export interface ChaosAgent extends Agent {
  /** How many calls there have been. */
  readonly calls: number;
  /** How many of them had a fault. */
  readonly faults: number;
  /** How many have not come to an end. */
  readonly running: number;
  /** The most that there were at the same time. */
  readonly mostRunning: number;
}

/**
 * Puts faults into the calls of an agent: delays, errors, hanging, streams that
 * break in the middle, and deafness for signals. For tests of what stands
 * around it.
 *
 * @example
 * ```ts
 * import { agent, message, retry, text, wrap } from "@agenkit/agenkit";
 * import { chaos, inTurn, TestClock } from "@agenkit/agenkit/testing";
 * import assert from "node:assert/strict";
 *
 * const clock = new TestClock();
 * const down = { error: new Error("connection refused") };
 * const flaky = chaos(agent("echo", (m) => text(m)), inTurn([down, down]), { clock });
 *
 * const answer = wrap(flaky, retry({ clock })).process(message("user", "hi"));
 * await clock.runAll();
 * assert.equal(text(await answer), "hi");
 * assert.equal(flaky.calls, 3);
 * assert.equal(flaky.faults, 2);
 * ```
 *
 * @param target The agent.
 * @param plan Says what goes wrong with which call.
 * @throws {TypeError} If something is not what it should be.
 */
export function chaos(
  target: StreamingAgent,
  plan: FaultPlan,
  options?: ChaosOptions,
): ChaosAgent & StreamingAgent;
/** Puts faults into the calls of an agent that may or may not stream. */
export function chaos(target: Agent, plan: FaultPlan, options?: ChaosOptions): ChaosAgent;
export function chaos(target: Agent, plan: FaultPlan, options: ChaosOptions = {}): ChaosAgent {
  assertAgent(target, "Cannot put faults into an agent");
  if (typeof plan !== "function") {
    throw new TypeError(
      `Cannot put faults into an agent as 'plan' must be a function: current value is ${
        describe(plan)
      }`,
    );
  }
  const { clock = systemClock } = checkOptions("put faults into an agent", options);
  return new Chaos(target, plan, clock);
}

class Chaos implements ChaosAgent {
  calls = 0;
  faults = 0;
  running = 0;
  mostRunning = 0;
  declare readonly stream?: NonNullable<Agent["stream"]>;
  readonly #target: Agent;
  readonly #plan: FaultPlan;
  readonly #clock: Clock;

  constructor(target: Agent, plan: FaultPlan, clock: Clock) {
    this.#target = target;
    this.#plan = plan;
    this.#clock = clock;
    if (target.stream !== undefined) {
      this.stream = (request, call = NO_OPTIONS) => this.#stream(request, call);
    }
  }

  get name(): string {
    return this.#target.name;
  }

  get capabilities(): readonly string[] {
    return this.#target.capabilities ?? [];
  }

  async process(request: Message, call: CallOptions = NO_OPTIONS): Promise<Message> {
    const fault = this.#begin();
    try {
      await this.#wait(fault.delayMs, fault, call);
      await this.#strike(fault, call);
      return await this.#target.process(request, call);
    } finally {
      this.running--;
    }
  }

  async *#stream(request: Message, call: CallOptions): AsyncGenerator<Message> {
    const fault = this.#begin();
    const { delayMs, chunkDelayMs, afterChunks = 0 } = fault;
    let chunks = 0;
    try {
      await this.#wait(delayMs, fault, call);
      if (chunks === afterChunks) await this.#strike(fault, call);
      for await (const chunk of this.#target.stream!(request, call)) {
        if (chunks > 0) await this.#wait(chunkDelayMs, fault, call);
        yield chunk;
        if (++chunks === afterChunks) await this.#strike(fault, call);
      }
    } finally {
      this.running--;
    }
  }

  #begin(): Fault {
    const fault = this.#plan(++this.calls);
    if (fault !== undefined) {
      checkFault(fault);
      this.faults++;
    }
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    return fault ?? {};
  }

  /** Hangs or fails, if that is the fault. */
  async #strike({ hang = false, deaf = false, ...fault }: Fault, call: CallOptions): Promise<void> {
    if (hang) await raced(new Promise<never>(() => {}), deaf ? undefined : call);
    if ("error" in fault) throw fault.error;
  }

  async #wait(ms = 0, { deaf = false }: Fault, call: CallOptions): Promise<void> {
    if (!deaf) throwIfAborted(call);
    if (ms > 0) await this.#clock.sleep(ms, deaf ? undefined : call.signal);
  }
}
