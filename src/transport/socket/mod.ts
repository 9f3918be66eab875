/**
 * Agents over TCP and Unix sockets, on the wire that Python and Go speak: for
 * programs on one machine or in one network. On Deno, Bun and Node.
 *
 * @module
 */
export type { ContentMode } from "../../protocol/encode.ts";
export type { ChannelAgentOptions, ConnectedAgent } from "../channel/client.ts";
export type { ReconnectOptions } from "../channel/reconnect.ts";
export type { ChannelServerOptions } from "../channel/server.ts";
export type { ClientOptions } from "../client_options.ts";
export type { Agents } from "../directory.ts";
export type { ClientTlsOptions, ServerTlsOptions } from "../tls.ts";
export { socketAgent, type SocketAgentOptions } from "./client.ts";
export { serveSocket, type SocketServer, type SocketServerOptions } from "./server.ts";
