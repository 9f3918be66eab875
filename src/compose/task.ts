import { type Agent, assertAgent } from "../core/agent.ts";
import { type CallOptions, earlier } from "../core/call.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { AgenkitError, TimeoutError } from "../core/errors.ts";
import type { Message } from "../core/message.ts";
import { checkNumber, checkOptions } from "../core/options.ts";
import { LinkedSignal, throwIfAborted } from "../core/signals.ts";
import { askChild, raced } from "../core/child_call.ts";
import { isRetryable } from "./failures.ts";

/** The pause before the first retry; each further one is that much longer. */
const PAUSE_MS = 100;

/** Options of {@linkcode task}. */
export interface TaskOptions {
  /**
   * How long the whole task may take, retries and pauses included, in
   * milliseconds. @default {Infinity}
   */
  readonly timeoutMs?: number | undefined;
  /** How often to try again after a failure that may pass. @default {0} */
  readonly retries?: number | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** How far a {@linkcode Task} has come. Branch on `status`. */
export type TaskState =
  | { readonly status: "ready" | "running" | "disposed" }
  | { readonly status: "answered"; readonly message: Message }
  | { readonly status: "failed"; readonly error: unknown };

/** One use of an agent. Made by {@linkcode task}. */
export interface Task extends AsyncDisposable {
  /** Who does it. */
  readonly agent: Agent;
  /** How far it has come. */
  readonly state: TaskState;
  /**
   * Does the task, once.
   *
   * @throws {AgenkitError} With code `failed_precondition`, if it was executed
   * or disposed before.
   * @throws {TimeoutError} If it takes longer than `timeoutMs`.
   */
  execute(message: Message, call?: CallOptions): Promise<Message>;
  /** Cancels the task if it runs, and waits for its end. `await using` does that. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Makes one use of an agent: it can be executed once, within a time limit and
 * with retries, and is cancelled when it goes out of scope.
 *
 * A failure is tried again if the error says that this may help, or does not
 * say; after 100 ms, then 200 ms and so on, or after what the error asks for.
 *
 * @example
 * ```ts
 * import { agent, message, task, text } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const echo = agent("echo", (m) => `Echo: ${text(m)}`);
 * await using once = task(echo, { timeoutMs: 1000, retries: 2 });
 * assert.equal(text(await once.execute(message("user", "hi"))), "Echo: hi");
 * await assert.rejects(once.execute(message("user", "again")), { code: "failed_precondition" });
 * ```
 *
 * @throws {TypeError} If something is not what it should be.
 * @throws {RangeError} If a number is out of bounds.
 */
export function task(agent: Agent, options: TaskOptions = {}): Task {
  assertAgent(agent, "Cannot make a task");
  return new OneShot(agent, checkOptions("make a task", options));
}

class OneShot implements Task {
  readonly agent: Agent;
  readonly #timeoutMs: number;
  readonly #retries: number;
  readonly #clock: Clock;
  #state: TaskState = { status: "ready" };
  #link: LinkedSignal | undefined;
  #work: Promise<unknown> | undefined;

  constructor(agent: Agent, options: TaskOptions) {
    const { timeoutMs = Number.POSITIVE_INFINITY, retries = 0 } = options;
    this.agent = agent;
    this.#timeoutMs = checkNumber("make a task", "timeoutMs", timeoutMs, {
      min: 0,
      exclusive: true,
      infinite: true,
    });
    this.#retries = checkNumber("make a task", "retries", retries, { min: 0, integer: true });
    this.#clock = options.clock ?? systemClock;
  }

  get state(): TaskState {
    return this.#state;
  }

  async execute(request: Message, call?: CallOptions): Promise<Message> {
    if (this.#state.status !== "ready") {
      throw new AgenkitError(
        "failed_precondition",
        `Cannot execute the task of agent '${this.agent.name}': expected one that is ready, got ` +
          `one that is ${this.#state.status}; make a new task for another execution`,
      );
    }
    throwIfAborted(call);
    this.#state = { status: "running" };
    const work = this.#run(request, call);
    this.#work = work;
    try {
      const message = await work;
      this.#state = { status: "answered", message };
      return message;
    } catch (error) {
      this.#state = { status: "failed", error };
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state.status === "ready") this.#state = { status: "disposed" };
    this.#link?.abort(new DOMException("The task was disposed of", "AbortError"));
    await this.#work?.catch(() => {});
  }

  async #run(request: Message, call: CallOptions | undefined): Promise<Message> {
    const link = this.#link = new LinkedSignal(call);
    const ms = this.#timeoutMs;
    const limit = ms === Number.POSITIVE_INFINITY ? undefined : this.#clock.now() + ms;
    const timer = limit === undefined ? undefined : this.#clock.schedule(limit, () => {
      link.abort(
        new TimeoutError(`The task of agent '${this.agent.name}' took longer than ${ms} ms`, {
          timeoutMs: ms,
        }),
      );
    });
    const options = link.eagerOptions(call, earlier(call?.deadline, limit));
    try {
      return await raced(this.#attempts(request, options), options);
    } finally {
      timer?.cancel();
      link.release();
      this.#link = undefined;
    }
  }

  async #attempts(request: Message, call: CallOptions): Promise<Message> {
    for (let attempt = 1;; attempt++) {
      try {
        return await askChild(this.agent, request, call);
      } catch (error) {
        if (attempt > this.#retries || !isRetryable(error)) throw error;
        const asked = error instanceof AgenkitError ? error.retryAfterMs ?? 0 : 0;
        await this.#clock.sleep(Math.max(PAUSE_MS * attempt, asked), call.signal);
      }
    }
  }
}
