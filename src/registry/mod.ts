/**
 * Discovery: agents register where they are and give signs of life, and
 * callers call them by name, wherever they are at the time.
 *
 * @module
 */
export type { AgentRegistry, RegistryEventsOptions } from "./agent_registry.ts";
export { announce, type Announcement, type AnnounceOptions, type Drainable } from "./announce.ts";
export { type Balancer, leastInFlight, powerOfTwoChoices, roundRobin } from "./balance.ts";
export type { Endpoint, EndpointClient, EndpointState } from "./endpoint.ts";
export type { RegistryEvent } from "./events.ts";
export { memoryStore, type MemoryStoreOptions } from "./memory_store.ts";
export type { AgentRegistryOptions } from "./options.ts";
export type {
  AgentKey,
  InstanceKey,
  RegisteredAgent,
  Registration,
  RegistrationInit,
} from "./registration.ts";
export { agentRegistry } from "./registry.ts";
export type { RegistryAgent } from "./registry_agent.ts";
export type { FailoverEvent, RegistryAgentOptions } from "./registry_agent_options.ts";
export type { RegistryStore, StoreChange, StoredRegistration } from "./store.ts";
