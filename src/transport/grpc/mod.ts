/**
 * Agents over gRPC, through `node:http2`: a server with health and reflection
 * on one side, an agent on the other. For Deno, Bun and Node; browsers and
 * Workers use `./rpc`.
 *
 * @module
 */
export type { ClientOptions, WithHeaders } from "../client_options.ts";
export type { Agents } from "../directory.ts";
export type { ExtraHeaders, HeadersMaker } from "../http/extra_headers.ts";
export type { RpcServerOptions } from "../rpc/options.ts";
export type { RpcClientOptions } from "../rpc/client_options.ts";
export type { ClientTlsOptions, ServerTlsOptions } from "../tls.ts";
export { type GrpcAgent, grpcAgent, type GrpcAgentOptions } from "./client.ts";
export type { ConverseOptions } from "./converse.ts";
export { type GrpcHandler, grpcHandler, type GrpcRequest, type GrpcResponse } from "./handler.ts";
export { type GrpcServer, type GrpcServerOptions, serveGrpc } from "./server.ts";
