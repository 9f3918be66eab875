/**
 * Agents called through the codec without a network, for tests and for
 * programs that keep both sides in one process for now.
 *
 * @module
 */
export { memoryAgent, type MemoryAgentOptions } from "./client.ts";
export type { Agents } from "../directory.ts";
export { listenMemory, type MemoryListener } from "./listen.ts";
export { type MemoryHandler, memoryHandler, type MemoryHandlerOptions } from "./server.ts";
