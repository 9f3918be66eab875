/**
 * Agents over Connect and gRPC-Web: a web-standard request handler on one
 * side, an agent on the other. Web APIs only, so it runs on Deno, Bun, Node and
 * Workers; the client also in browsers. For gRPC itself see `./grpc`.
 *
 * @module
 */
export type { ClientOptions, WithHeaders } from "../client_options.ts";
export type { Agents } from "../directory.ts";
export type { ExtraHeaders, HeadersMaker } from "../http/extra_headers.ts";
export type { CorsOptions } from "../http/origin.ts";
export { rpcAgent, type RpcAgentOptions } from "./client.ts";
export type { Fetch } from "./fetch_client.ts";
export type { RpcServerOptions } from "./options.ts";
export type { RpcClientOptions } from "./client_options.ts";
export { type RpcHandler, rpcHandler, type RpcHandlerOptions } from "./server.ts";
