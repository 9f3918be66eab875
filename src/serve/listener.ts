import type { GrpcHandler } from "../transport/grpc/handler.ts";
import type { WebSocketHandler } from "../transport/websocket/server.ts";

/** Certificate and key of a TLS listener, as PEM text. */
export interface TlsOptions {
  /** The certificate chain. */
  readonly cert: string;
  /** The private key. */
  readonly key: string;
}

/** What a runtime needs to listen. */
export interface ListenOptions {
  /** The address to listen at. */
  readonly hostname: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
  /** Makes the listener speak TLS. */
  readonly tls?: TlsOptions | undefined;
  /** How long a connection may be idle, and headers may take, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** Speaks HTTP/3 on the UDP port of the same number, too. */
  readonly http3: boolean;
  /** Answers the gRPC requests that come to the same port. */
  readonly grpc?: GrpcHandler | undefined;
  /** Takes the WebSockets that come to the same port. */
  readonly webSocket?: WebSocketHandler | undefined;
}

/** What listens: the same for every runtime. */
export interface Listener {
  /** The port that is listened at. */
  readonly port: number;
  /**
   * Takes no new connections and resolves when those that are busy have ended.
   *
   * @param idle Resolves when no call runs any more.
   */
  shutdown(idle: Promise<void>): Promise<void>;
  /** Cuts all connections. */
  kill(): Promise<void>;
}

/** A web-standard request handler. */
export type FetchHandler = (request: Request) => Promise<Response>;

/** Starts listening on one runtime. */
export type Listen = (handler: FetchHandler, options: ListenOptions) => Promise<Listener>;
