/**
 * Calls over HTTP/2 on Deno, Bun and Node: in cleartext by prior knowledge
 * (`h2c://`) and over TLS by ALPN, with an authority and a client certificate
 * of one's own, falling back to HTTP/1.1. The server side is `serve()`, which
 * speaks all of these on its one port.
 *
 * @module
 */
export type { ClientTlsOptions } from "../tls.ts";
export { type Http2Agent, http2Agent, type Http2AgentOptions } from "./client.ts";
export { type Http2Fetch, http2Fetch, type Http2FetchOptions } from "./fetch.ts";
