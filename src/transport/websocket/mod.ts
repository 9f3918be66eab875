/**
 * Agents over WebSocket: the client for browsers and every server runtime, and
 * the server for whoever upgrades requests by hand (`serve` does it by itself).
 *
 * @module
 */
export type { Channel } from "../channel/channel.ts";
export type { ChannelAgentOptions, ConnectedAgent } from "../channel/client.ts";
export { idempotentKey } from "../channel/idempotent.ts";
export type { ReconnectOptions } from "../channel/reconnect.ts";
export { webSocketAgent, type WebSocketAgentOptions } from "./client.ts";
export type { ChannelServerOptions } from "../channel/server.ts";
export type { ClientOptions } from "../client_options.ts";
export type { Agents } from "../directory.ts";
export type { CorsOptions } from "../http/origin.ts";
export type { WebSocketChannel, WebSocketChannelOptions, WebSocketSink } from "./channel.ts";
export type { WebSocketFactory } from "./dial.ts";
export {
  isUpgrade,
  type WebSocketAcceptance,
  type WebSocketHandler,
  webSocketHandler,
  type WebSocketHandlerOptions,
} from "./server.ts";
export type { WebSocketEvent, WebSocketLike } from "./standard.ts";
