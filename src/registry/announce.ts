import type { Timer } from "../core/clock.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { codeOf } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import { checkFunction, checkNumber } from "../core/options.ts";
import type { AgentRegistry } from "./agent_registry.ts";
import { checkRegistration, type InstanceKey, type RegistrationInit } from "./registration.ts";

/** What tells when it stops taking calls, as servers do. */
export interface Drainable {
  /** Runs a callback before it drains; returns what takes it back. */
  onDrain(callback: () => Promise<void>): () => void;
}

/** Options of {@linkcode announce}. */
export interface AnnounceOptions {
  /** A server whose draining takes the agent out first, so that callers go elsewhere. */
  readonly server?: Drainable | undefined;
  /**
   * How long that server then goes on taking calls, in milliseconds, until
   * every caller has heard of it. @default {200}
   */
  readonly drainDelayMs?: number | undefined;
  /** How often to give a sign of life, in milliseconds. Default: what the registry says. */
  readonly intervalMs?: number | undefined;
  /** Told of each failure; it is tried again anyway. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Where chance comes from: numbers from 0, below 1. @default {Math.random} */
  readonly random?: (() => number) | undefined;
}

/** An agent that is kept registered. Leaving the scope of an `await using` takes it out. */
export interface Announcement extends InstanceKey, AsyncDisposable {
  /** The URL that it is called at. */
  readonly endpoint: string;
  /** Whether the last attempt to be registered, or to stay so, went well. */
  readonly state: "registered" | "retrying" | "stopped";
  /** What the last attempt failed with. */
  readonly error: unknown;
  /** Gives no more signs of life and takes the agent out. Never rejects; what fails expires. */
  stop(): Promise<void>;
}

/** The shortest wait before a registry that failed is asked again, in milliseconds. */
const RETRY_MS = 500;

/**
 * Registers an agent and keeps it so: with signs of life, and anew when the
 * registry has forgotten it. A registry that cannot be reached is tried again,
 * with growing and random pauses, for as long as it takes; the agent goes on.
 *
 * The instance is the endpoint unless told otherwise: several servers of one
 * name are apart, and one that is started again takes its own place.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { agentRegistry, announce } from "@agenkit/agenkit/registry";
 * import { serve } from "@agenkit/agenkit/serve";
 * import assert from "node:assert/strict";
 *
 * await using registry = agentRegistry();
 * const server = await serve(agent("echo", (m) => `Echo: ${text(m)}`), { port: 0 });
 * await announce(registry, { name: "echo", endpoint: server.url }, { server });
 *
 * const echo = registry.agent("echo");
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * await server.drain();
 * assert.equal(await registry.size(), 0);
 * ```
 *
 * @returns When the first attempt has ended, well or not: see `state`.
 * @throws {TypeError} If something is wrong with the registration or an option.
 * @throws {RangeError} If the interval is out of bounds.
 */
export async function announce(
  registry: AgentRegistry,
  init: RegistrationInit,
  options: AnnounceOptions = {},
): Promise<Announcement> {
  const announced = new Announcer(registry, init, options);
  await announced.attempt();
  return announced;
}

const ACTION = "announce an agent";

class Announcer implements Announcement {
  readonly name: string;
  readonly instance: string;
  readonly endpoint: string;
  state: Announcement["state"] = "retrying";
  error: unknown;
  readonly #registry: AgentRegistry;
  readonly #init: RegistrationInit;
  readonly #intervalMs: number;
  readonly #onError: AnnounceOptions["onError"];
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #release: () => void;
  #known = false;
  #failures = 0;
  #timer: Timer | undefined;
  #attempt: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(registry: AgentRegistry, init: RegistrationInit, options: AnnounceOptions) {
    if (typeof registry?.register !== "function" || typeof registry.heartbeat !== "function") {
      throw new TypeError(`Cannot ${ACTION}: expected a registry, got ${describe(registry)}`);
    }
    const { endpoint } = checkRegistration(init);
    const { server, onError, clock = systemClock, random = Math.random } = options;
    checkFunction(ACTION, "onError", onError);
    checkFunction(ACTION, "random", random);
    if (server !== undefined && typeof server?.onDrain !== "function") {
      throw new TypeError(
        `Cannot ${ACTION} as 'server' must have an 'onDrain' function: current value is ${
          describe(server)
        }`,
      );
    }
    const drainDelayMs = checkNumber(ACTION, "drainDelayMs", options.drainDelayMs ?? 200, {
      min: 0,
    });
    const given = options.intervalMs ?? registry.heartbeatIntervalMs;
    this.#intervalMs = checkNumber(ACTION, "intervalMs", given, { min: 0, exclusive: true });
    this.name = init.name;
    this.instance = init.instance ?? endpoint;
    this.endpoint = endpoint;
    this.#registry = registry;
    this.#init = { ...init, instance: this.instance };
    this.#onError = onError;
    this.#clock = clock;
    this.#random = random;
    this.#release = server?.onDrain(async () => {
      await this.stop();
      await clock.sleep(drainDelayMs);
    }) ?? (() => {});
  }

  /** Registers, or gives a sign of life; then waits for the next time. */
  attempt(): Promise<void> {
    return this.#attempt ??= this.#try().finally(() => {
      this.#attempt = undefined;
      if (this.#stopping === undefined) this.#wait();
    });
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    this.state = "stopped";
    this.#release();
    this.#timer?.cancel();
    // One that is under way could register it again.
    await this.#attempt;
    this.state = "stopped";
    try {
      await this.#registry.unregister(this);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #try(): Promise<void> {
    try {
      if (this.#known && await this.#beat()) return this.#succeeded();
      await this.#registry.register(this.#init);
      this.#succeeded();
    } catch (error) {
      this.#failures++;
      if (this.#stopping === undefined) this.state = "retrying";
      this.#failed(error);
    }
  }

  /** Whether it was still registered. */
  async #beat(): Promise<boolean> {
    try {
      await this.#registry.heartbeat(this);
      return true;
    } catch (error) {
      if (codeOf(error) === "not_found") return false;
      throw error;
    }
  }

  #succeeded(): void {
    this.#known = true;
    this.#failures = 0;
    this.error = undefined;
    if (this.#stopping === undefined) this.state = "registered";
  }

  #failed(error: unknown): void {
    this.error = error;
    try {
      this.#onError?.(error);
    } catch {
      // Observing is the observer's own affair.
    }
  }

  #wait(): void {
    const usual = this.#intervalMs;
    const most = this.#failures === 0
      ? usual
      : Math.min(usual, RETRY_MS * 2 ** Math.min(this.#failures, 20));
    // Many servers that were started together shall not come together each time.
    const ms = this.#failures === 0
      ? most * (0.9 + 0.1 * this.#random())
      : most * (0.5 + 0.5 * this.#random());
    this.#timer = this.#clock.schedule(this.#clock.now() + ms, () => void this.attempt());
  }
}
