import type { ClientHttp2Stream } from "node:http2";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { readEagerly } from "./eager_body.ts";

type Request = Parameters<Http2SessionManager["request"]>;

/** The connection to a server, as the RPC library takes it. */
export class Sessions extends Http2SessionManager {
  /** Issues a request on the connection; makes one if there is none. */
  override async request(...request: Request): Promise<ClientHttp2Stream> {
    return readEagerly(await super.request(...request));
  }
}
