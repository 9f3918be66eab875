/**
 * Servers for agents on Deno, Bun and Node, behind one function. For Workers
 * see the export `./workers`.
 *
 * @module
 */
export type { ContentMode } from "../protocol/encode.ts";
export type { Agents } from "../transport/directory.ts";
export type { CorsOptions } from "../transport/http/origin.ts";
export type { HttpHandlerOptions } from "../transport/http/options.ts";
export type { WebSocketServeOptions, WithWebSocket } from "./websocket.ts";
export type { TlsOptions } from "./listener.ts";
export type {
  GrpcListenOptions,
  ServeOptions,
  SocketLimits,
  TcpListenOptions,
  UnixListenOptions,
} from "./options.ts";
export { type AgentServer, serve } from "./serve.ts";
