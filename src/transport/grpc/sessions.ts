import type {
  ClientHttp2Stream,
  ClientSessionRequestOptions,
  OutgoingHttpHeaders,
} from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { createGrpcTransport } from "@connectrpc/connect-node";
import { abortable } from "../../core/abortable.ts";
import type { ConnectionOptions } from "../http2/connection.ts";
import { SharedConnection } from "../http2/shared_connection.ts";
import { readEagerly } from "./eager_body.ts";

type SessionManager = NonNullable<Parameters<typeof createGrpcTransport>[0]["sessionManager"]>;

/** The connection to a server, as the RPC library asks for it. */
export class Sessions implements SessionManager {
  readonly authority: string;
  readonly #connection: SharedConnection;
  #open = new AbortController();

  constructor(origin: string, options: ConnectionOptions) {
    this.authority = new URL(origin).origin;
    this.#connection = new SharedConnection(this.authority, options);
  }

  /** Issues a request on the connection; makes one if there is none. */
  async request(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    options: ClientSessionRequestOptions,
  ): Promise<ClientHttp2Stream> {
    const connection = await abortable(this.#connection.get(), this.#open.signal);
    const head = { ...headers, ":method": method, ":path": path };
    return readEagerly(connection.open(head, options).stream, () => connection.heard());
  }

  /** Asked for by the library; what arrives is noted where it is read. */
  notifyResponseByteRead(): void {}

  /** Cuts the connection, and what waits for one. */
  cut(): void {
    const error = new ConnectError("The connection was closed", Code.Canceled);
    this.#open.abort(error);
    this.#open = new AbortController();
    this.#connection.cut(error);
  }
}
