import type { ClientOptions, WithHeaders } from "../client_options.ts";

/** Options of every client that speaks gRPC, gRPC-Web or Connect. */
export interface RpcClientOptions extends ClientOptions, WithHeaders {
  /** Whether requests of 1 KiB and more are compressed with gzip. Not every peer reads it. @default {false} */
  readonly compression?: boolean | undefined;
  /**
   * Whether content that is JSON text becomes its value, for Python and Go
   * peers, which cannot say that they mean one. @default {false}
   */
  readonly parseContent?: boolean | undefined;
}
