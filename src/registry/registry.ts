import { AgenkitError } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import { checkNumber } from "../core/options.ts";
import { timestamp } from "../core/timestamp.ts";
import type { AgentRegistry, RegistryEventsOptions } from "./agent_registry.ts";
import { askStore } from "./ask_store.ts";
import { tagOf } from "./entries.ts";
import { EventQueue, type RegistryEvent } from "./events.ts";
import { type AgentRegistryOptions, type RegistryPolicy, registryPolicy } from "./options.ts";
import {
  type AgentKey,
  checkRegistration,
  DEFAULT_INSTANCE,
  type InstanceKey,
  keyOf,
  type RegisteredAgent,
  type Registration,
  type RegistrationInit,
} from "./registration.ts";
import { makeRegistryAgent, type RegistryAgent } from "./registry_agent.ts";
import type { RegistryAgentOptions } from "./registry_agent_options.ts";
import { SharedAgents } from "./shared_agents.ts";
import type { StoredRegistration } from "./store.ts";
import { View } from "./view.ts";

/**
 * Makes a registry: who offers which agent at which URL. Agents are kept as
 * long as they give signs of life. Behind it is a store: the memory of this
 * process, or one that several processes share.
 *
 * @example
 * ```ts
 * import { agent, message, text } from "@agenkit/agenkit";
 * import { listenMemory } from "@agenkit/agenkit/memory";
 * import { agentRegistry } from "@agenkit/agenkit/registry";
 * import assert from "node:assert/strict";
 *
 * const listener = listenMemory("echo-1", agent("echo", (m) => `Echo: ${text(m)}`));
 * await using registry = agentRegistry();
 * await registry.register({ name: "echo", endpoint: listener.url });
 *
 * const echo = registry.agent("echo");
 * assert.equal(text(await echo.process(message("user", "hello"))), "Echo: hello");
 * listener.close();
 * ```
 *
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function agentRegistry(options: AgentRegistryOptions = {}): AgentRegistry {
  return new Registry(registryPolicy(options));
}

class Registry implements AgentRegistry {
  readonly #policy: RegistryPolicy;
  readonly #view: View;
  readonly #readers = new Set<EventQueue>();
  readonly #agents = new Set<RegistryAgent>();
  readonly #shared = new SharedAgents((name) => this.#agent(name, {}));
  /** The heartbeats that are under way: whoever gives the same one meanwhile waits for it. */
  readonly #beating = new Map<string, Promise<boolean>>();
  #started = false;
  #closing: Promise<void> | undefined;

  constructor(policy: RegistryPolicy) {
    this.#policy = policy;
    this.#view = new View({
      ...policy,
      onEvent: (event) => {
        for (const reader of this.#readers) reader.push(event);
      },
    });
  }

  get heartbeatIntervalMs(): number {
    return this.#policy.heartbeatIntervalMs;
  }

  get heartbeatTimeoutMs(): number {
    return this.#policy.heartbeatTimeoutMs;
  }

  async register(init: RegistrationInit): Promise<RegisteredAgent> {
    const { store, heartbeatTimeoutMs: timeoutMs } = this.#policy;
    const registration: Registration = Object.freeze({
      ...checkRegistration(init),
      id: crypto.randomUUID(),
      registeredAt: timestamp(),
      timeoutMs,
    });
    await this.#ask(() => store.put(registration), `register agent '${registration.name}'`);
    const stored = { registration, expiresInMs: timeoutMs };
    this.#view.apply({ type: "put", stored });
    return registered(stored);
  }

  async unregister(key: AgentKey): Promise<boolean> {
    const found = keyOf(key);
    const removed = await this.#ask(
      () => this.#policy.store.remove(found),
      `unregister agent '${found.name}'`,
    );
    this.#view.apply({ type: "remove", key: found });
    return removed;
  }

  async lookup(key: AgentKey): Promise<RegisteredAgent | undefined> {
    const { name, instance } = keyOf(key);
    const all = await this.list(name);
    const exact = all.find((one) => one.instance === instance);
    const asked = typeof key === "object" && key.instance !== undefined;
    return exact ?? (asked ? undefined : all[0]);
  }

  async list(name?: string): Promise<readonly RegisteredAgent[]> {
    if (name !== undefined) keyOf(name);
    const found = await this.#ask(() => this.#policy.store.list(name), "list agents");
    return Object.freeze(
      found.map(registered).sort((a, b) =>
        compare(a.name, b.name) || compare(a.instance, b.instance)
      ),
    );
  }

  async size(): Promise<number> {
    return (await this.#ask(() => this.#policy.store.list(), "count agents")).length;
  }

  async heartbeat(key: AgentKey): Promise<void> {
    const found = keyOf(key);
    const tag = tagOf(found);
    let beat = this.#beating.get(tag);
    if (beat === undefined) {
      const { store, heartbeatTimeoutMs } = this.#policy;
      beat = this.#ask(
        () => store.touch(found, heartbeatTimeoutMs),
        `give a heartbeat of agent '${found.name}'`,
      ).finally(() => this.#beating.delete(tag));
      this.#beating.set(tag, beat);
    }
    if (!await beat) throw await this.#unknown(found);
    this.#view.touch(found, this.#policy.heartbeatTimeoutMs);
  }

  async prune(): Promise<number> {
    const gone = await this.#ask(() => this.#policy.store.prune(), "prune agents");
    for (const key of gone) this.#view.expire(key);
    return gone.length;
  }

  start(): void {
    this.#refuseClosed();
    this.#started = true;
    this.#view.active = true;
  }

  stop(): void {
    this.#started = false;
    this.#view.active = this.#readers.size > 0;
  }

  events(options: RegistryEventsOptions = {}): AsyncIterableIterator<RegistryEvent> {
    this.#refuseClosed();
    const limit = checkNumber(
      "read the events of a registry",
      "maxBuffered",
      options.maxBuffered ?? 10_000,
      { min: 1, integer: true },
    );
    const reader: EventQueue = new EventQueue(limit, options.signal, () => {
      this.#readers.delete(reader);
      this.#view.active = this.#started || this.#readers.size > 0;
    });
    if (options.signal?.aborted) return reader;
    for (const { registration } of this.#view.entries()) {
      reader.push({ type: "registered", registration });
    }
    this.#readers.add(reader);
    this.#view.active = true;
    return reader;
  }

  agent(name: string, options?: RegistryAgentOptions): RegistryAgent {
    this.#refuseClosed();
    const key = keyOf(name);
    return options === undefined ? this.#shared.of(key.name) : this.#agent(key.name, options);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#started = false;
    for (const reader of [...this.#readers]) reader.end();
    await Promise.all([...this.#agents].map((one) => one.close()));
    await this.#view.close();
  }

  #agent(name: string, options: RegistryAgentOptions): RegistryAgent {
    const { clock, random } = this.#policy;
    const made = makeRegistryAgent(name, options, {
      view: this.#view,
      clock,
      random,
      onClose: () => this.#agents.delete(made),
    });
    this.#agents.add(made);
    return made;
  }

  #ask<T>(question: () => Promise<T>, what: string): Promise<T> {
    this.#refuseClosed();
    return askStore(question, what, this.#policy);
  }

  async #unknown({ name, instance }: InstanceKey): Promise<AgenkitError> {
    const others = (await this.list(name).catch(() => [])).map((one) => one.instance);
    return new AgenkitError(
      "not_found",
      `Agent '${name}'${
        instance === DEFAULT_INSTANCE ? "" : ` (instance ${describe(instance)})`
      } is not registered${
        others.length === 0 ? "" : `: expected one of the instances ${others.join(", ")}`
      }`,
    );
  }

  #refuseClosed(): void {
    if (this.#closing === undefined) return;
    throw new AgenkitError("failed_precondition", "The registry was closed");
  }
}

function registered({ registration, expiresInMs }: StoredRegistration): RegisteredAgent {
  const age = Math.max(0, registration.timeoutMs - expiresInMs);
  return Object.freeze({
    ...registration,
    lastHeartbeat: timestamp(Date.now() - age),
    expiresInMs,
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
