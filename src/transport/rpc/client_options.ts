import { checkBoolean } from "../../core/options.ts";
import {
  checkClientOptions,
  type CheckedClientOptions,
  type ClientOptions,
  type WithHeaders,
} from "../client_options.ts";
import { fixedHeaders } from "../http/extra_headers.ts";
import { MAX_RPC_BYTES } from "./options.ts";

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

/** Options that were checked, with their defaults. */
export interface CheckedRpcOptions extends CheckedClientOptions, WithHeaders {
  readonly compression: boolean;
  readonly parseContent: boolean;
  /** Those of the headers that are the same for each call. */
  readonly fixedHeaders: Readonly<Record<string, string>>;
}

/**
 * Checks the options that clients of RPCs have in common.
 *
 * @param action What cannot be done; begins the error's text.
 * @throws {TypeError} If one is of a wrong type, or they are no object.
 * @throws {RangeError} If one is out of bounds.
 */
export function checkRpcOptions(action: string, options: RpcClientOptions): CheckedRpcOptions {
  const checked = checkClientOptions(action, options, MAX_RPC_BYTES);
  const { compression = false, parseContent = false, headers } = options;
  checkBoolean(action, "compression", compression);
  checkBoolean(action, "parseContent", parseContent);
  return {
    ...checked,
    // There are no larger ones: the length of a message has four bytes.
    maxBytes: Math.min(checked.maxBytes, 0xffffffff),
    compression,
    parseContent,
    headers,
    fixedHeaders: fixedHeaders(action, headers),
  };
}
