/**
 * Calls over HTTP/3, on Bun, whose fetch speaks it. The server side is
 * `serve()` with `http3` on Bun; elsewhere a proxy in front speaks it.
 *
 * @module
 */
export { type Http3Agent, http3Agent, type Http3AgentOptions } from "./client.ts";
export { type Http3Fetch, http3Fetch, type Http3FetchOptions, type SendRequest } from "./fetch.ts";
