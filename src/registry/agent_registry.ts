import type { RegistryEvent } from "./events.ts";
import type { AgentKey, RegisteredAgent, RegistrationInit } from "./registration.ts";
import type { RegistryAgent } from "./registry_agent.ts";
import type { RegistryAgentOptions } from "./registry_agent_options.ts";

/** Options of {@linkcode AgentRegistry.events}. */
export interface RegistryEventsOptions {
  /** Ends the iteration: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The most events that are kept for a slow reader; after that the oldest go. @default {10000} */
  readonly maxBuffered?: number | undefined;
}

/** Which agents there are, and where. Made by `agentRegistry`. */
export interface AgentRegistry extends AsyncDisposable {
  /** How often those who announce an agent give a sign of life, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  /** How long an agent is kept without a sign of life, in milliseconds. */
  readonly heartbeatTimeoutMs: number;
  /**
   * Registers an agent, in place of the one of the same name and instance.
   *
   * @throws {TypeError} If the name is empty, the endpoint is no URL or holds a password, or
   * something else is wrong.
   * @throws {AgenkitError} With code `unavailable`, if the store cannot be reached.
   */
  register(init: RegistrationInit): Promise<RegisteredAgent>;
  /**
   * Takes an agent out. One that is not there changes nothing.
   *
   * @returns Whether it was there.
   */
  unregister(key: AgentKey): Promise<boolean>;
  /**
   * The agent of a name, or `undefined`: the instance that is asked for; for a
   * name alone its usual one, or else the first of those there are.
   */
  lookup(key: AgentKey): Promise<RegisteredAgent | undefined>;
  /** All agents, or those of one name, sorted by name and instance. None of them is stale. */
  list(name?: string): Promise<readonly RegisteredAgent[]>;
  /** How many agents there are. */
  size(): Promise<number>;
  /**
   * Gives a sign of life of an agent.
   *
   * @throws {AgenkitError} With code `not_found`, if it is not registered, or was forgotten.
   */
  heartbeat(key: AgentKey): Promise<void>;
  /** Forgets the stale agents now, and tells how many. They were not listed before, either. */
  prune(): Promise<number>;
  /** Notices stale agents at the moment they become so: with one timer, and no polling. */
  start(): void;
  /** Takes {@linkcode AgentRegistry.start} back. */
  stop(): void;
  /**
   * What there is, as `registered`, and then what happens. Reading too slowly
   * loses the oldest events, which is told. Stop by `break`, or by the signal.
   */
  events(options?: RegistryEventsOptions): AsyncIterableIterator<RegistryEvent>;
  /**
   * An agent that calls those of a name, wherever they are at the time. Without
   * options it shares its connections with others of the name that have none,
   * so it may well be asked for with each call. With options it has its own:
   * make it once.
   */
  agent(name: string, options?: RegistryAgentOptions): RegistryAgent;
  /** Ends events, closes the agents made here, and lets go of the store, which is not closed. */
  close(): Promise<void>;
}
