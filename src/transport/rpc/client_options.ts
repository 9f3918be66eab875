import type { Clock } from "../../core/clock.ts";
import type { ExtraHeaders } from "../http/extra_headers.ts";

/** Options of every client that speaks gRPC, gRPC-Web or Connect. */
export interface RpcClientOptions {
  /**
   * The agent's name, which also tells a server that has several which one is
   * meant. Default: the URL's host, and the server's default agent.
   */
  readonly name?: string | undefined;
  /** What the remote agent can do, where that is known. @default {[]} */
  readonly capabilities?: readonly string[] | undefined;
  /**
   * How long an answer may take, and how long each next chunk of a stream or
   * answer in a conversation may, in milliseconds. A call's own deadline holds
   * besides. @default {30000}
   */
  readonly timeoutMs?: number | undefined;
  /** The most bytes of a request, an answer or a chunk, after decompression. @default {4194304} */
  readonly maxBytes?: number | undefined;
  /** Headers to send, or a function that makes them for each call (a token that expires, a trace). */
  readonly headers?: ExtraHeaders | undefined;
  /** Whether requests of 1 KiB and more are compressed with gzip. Not every peer reads it. @default {false} */
  readonly compression?: boolean | undefined;
  /**
   * Whether content that is JSON text becomes its value, for Python and Go
   * peers, which cannot say that they mean one. @default {false}
   */
  readonly parseContent?: boolean | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}
