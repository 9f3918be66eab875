import type { Clock } from "../core/clock.ts";
import { describe } from "../core/json.ts";
import { checkLimit, checkOptions, checkTexts } from "../core/options.ts";
import type { GrpcAgentOptions } from "../transport/grpc/client.ts";
import type { HttpAgentOptions } from "../transport/http/client.ts";
import type { RpcAgentOptions } from "../transport/rpc/client.ts";
import type { SocketAgentOptions } from "../transport/socket/client.ts";
import type { WebSocketAgentOptions } from "../transport/websocket/client.ts";

/** The options that every transport takes. */
export interface SharedOptions {
  /**
   * The agent's name, which also tells a server that has several which one is
   * meant. Default: the URL's host, and the server's default agent.
   */
  readonly name?: string | undefined;
  /** What the remote agent can do, where that is known. @default {[]} */
  readonly capabilities?: readonly string[] | undefined;
  /**
   * How long an answer may take, and how long each next chunk of a stream may,
   * in milliseconds. A call's own deadline holds besides. @default {30000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * The most bytes of a request, an answer or a chunk. Default: 10485760, and
   * 4194304 for gRPC, gRPC-Web and Connect.
   */
  readonly maxBytes?: number | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** What a transport takes besides what all of them do. */
export type Own<Options> = Omit<Options, keyof SharedOptions | "headers">;

/**
 * Options of `remoteAgent`: those that hold for every transport, and one group
 * for each. The groups are checked by the transport, when it is loaded with
 * the first call; those of other transports are not looked at.
 */
export interface RemoteAgentOptions extends SharedOptions {
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
export function checkRemoteOptions(options: RemoteAgentOptions): void {
  const { name, capabilities, timeoutMs, maxBytes } = checkOptions(ACTION, options);
  if (name !== undefined && (typeof name !== "string" || name === "")) {
    throw new TypeError(
      `Cannot ${ACTION} as 'name' must be a non-empty string: current value is ${describe(name)}`,
    );
  }
  checkTexts(ACTION, "capabilities", capabilities);
  if (timeoutMs !== undefined) checkLimit(ACTION, "timeoutMs", timeoutMs);
  if (maxBytes !== undefined) checkLimit(ACTION, "maxBytes", maxBytes);
}

/** Picks the options that every transport takes. */
export function sharedOptions(options: RemoteAgentOptions): SharedOptions {
  const { name, capabilities, timeoutMs, maxBytes, clock } = options;
  return { name, capabilities, timeoutMs, maxBytes, clock };
}
