/**
 * One call for every endpoint: an agent from a URL, whatever the transport.
 * Each transport is loaded when a URL of it is called for the first time.
 *
 * @module
 */
export type { ContentMode } from "../protocol/encode.ts";
export type { ClientOptions } from "../transport/client_options.ts";
export type { Own, RemoteAgentOptions } from "./options.ts";
export { type RemoteAgent, remoteAgent } from "./remote_agent.ts";
