import {
  checkClientOptions,
  type CheckedClientOptions,
  type ClientOptions,
} from "../transport/client_options.ts";
import type { GrpcAgentOptions } from "../transport/grpc/client.ts";
import { fixedHeaders } from "../transport/http/extra_headers.ts";
import type { HttpAgentOptions } from "../transport/http/client.ts";
import type { RpcAgentOptions } from "../transport/rpc/client.ts";
import type { SocketAgentOptions } from "../transport/socket/client.ts";
import type { WebSocketAgentOptions } from "../transport/websocket/client.ts";

/** What a transport takes besides what all of them do. */
export type Own<Options> = Omit<Options, keyof ClientOptions | "headers">;

/**
 * Options of `remoteAgent`: those that hold for every transport, and one group
 * for each. The groups are checked by the transport, when it is loaded with
 * the first call; those of other transports are not looked at.
 */
export interface RemoteAgentOptions extends ClientOptions {
  /**
   * Headers to send, or a function that makes them for each call. Over
   * WebSocket they are those of the connection, so a function is refused;
   * transports without headers refuse any.
   */
  readonly headers?: HttpAgentOptions["headers"];
  /** For `http:`, `https:`, `h2c:` and `h3:`. */
  readonly http?: Own<HttpAgentOptions> | undefined;
  /** For `ws:` and `wss:`. */
  readonly websocket?: Own<WebSocketAgentOptions> | undefined;
  /** For `tcp:`, `tcps:` and `unix:`. */
  readonly socket?: Own<SocketAgentOptions> | undefined;
  /** For `grpc:` and `grpcs:`. */
  readonly grpc?: Own<GrpcAgentOptions> | undefined;
  /** For `connect+http:`, `grpc-web+http:` and both with `https:`. */
  readonly rpc?: Omit<Own<RpcAgentOptions>, "protocol"> | undefined;
}

const ACTION = "call a remote agent";

/**
 * Checks options here, since the transport that would is loaded only with the first call.
 *
 * @throws {TypeError} If one is of a wrong type.
 * @throws {RangeError} If one is out of bounds.
 */
export function checkRemoteOptions(options: RemoteAgentOptions): CheckedClientOptions {
  const checked = checkClientOptions(ACTION, options);
  fixedHeaders(ACTION, options.headers);
  return checked;
}

/** Picks the options that every transport takes. */
export function sharedOptions(options: RemoteAgentOptions): ClientOptions {
  const { name, capabilities, timeoutMs, maxBytes, clock } = options;
  return { name, capabilities, timeoutMs, maxBytes, clock };
}
