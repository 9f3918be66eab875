/**
 * Agents over HTTP, with server-sent events for streams: a web-standard request
 * handler on one side, an agent on the other. Web APIs only, so it runs on
 * Deno, Bun, Node and Workers; the client also in browsers.
 *
 * @module
 */
export type { ContentMode } from "../../protocol/encode.ts";
export type { ClientOptions, WithHeaders } from "../client_options.ts";
export type { Agents } from "../directory.ts";
export { httpAgent, type HttpAgentOptions } from "./client.ts";
export type { ExtraHeaders, HeadersMaker } from "./extra_headers.ts";
export type { CorsOptions } from "./origin.ts";
export type { HttpHandlerOptions } from "./options.ts";
export { type HttpHandler, httpHandler } from "./server.ts";
