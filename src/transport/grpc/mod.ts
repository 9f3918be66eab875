/**
 * Agents over gRPC, through `node:http2`: a server with health and reflection
 * on one side, an agent on the other. For Deno, Bun and Node; browsers and
 * Workers use `./rpc`.
 *
 * @module
 */
export type { Agents } from "../directory.ts";
export type { RpcServerOptions } from "../rpc/options.ts";
export type { RpcClientOptions } from "../rpc/rpc_agent.ts";
export {
  type GrpcAgent,
  grpcAgent,
  type GrpcAgentOptions,
  type GrpcClientTlsOptions,
} from "./client.ts";
export { type GrpcHandler, grpcHandler, type GrpcRequest, type GrpcResponse } from "./handler.ts";
export {
  type GrpcServer,
  type GrpcServerOptions,
  type GrpcTlsOptions,
  serveGrpc,
} from "./server.ts";
