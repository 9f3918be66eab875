import type { Clock } from "../core/clock.ts";
import { describe } from "../core/json.ts";
import { checkClock, checkLimit, checkOptions, checkTexts } from "../core/options.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import type { ExtraHeaders } from "./http/extra_headers.ts";

/** Options that the clients of all transports have in common. */
export interface ClientOptions {
  /**
   * The agent's name, which also tells a server that has several which one is
   * meant. Default: the host or path of the URL, and the server's default agent.
   */
  readonly name?: string | undefined;
  /** What the remote agent can do, where that is known. @default {[]} */
  readonly capabilities?: readonly string[] | undefined;
  /**
   * How long an answer may take, and how long each next chunk of a stream or
   * answer in a conversation may, in milliseconds; the wait for a connection
   * counts. A call's own deadline holds besides. @default {30000}
   */
  readonly timeoutMs?: number | undefined;
  /**
   * The most bytes of a request, an answer or a chunk, after decompression.
   * Default: 10485760, and 4194304 for gRPC, gRPC-Web and Connect.
   */
  readonly maxBytes?: number | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/** What clients take that send headers with each call. */
export interface WithHeaders {
  /** Headers to send, or a function that makes them for each call (a token that expires, a trace). */
  readonly headers?: ExtraHeaders | undefined;
}

/** Options that were checked, with their defaults. */
export interface CheckedClientOptions {
  readonly name: string | undefined;
  /** Frozen. */
  readonly capabilities: readonly string[];
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly clock: Clock;
}

/**
 * Checks the options that all clients have in common.
 *
 * @param action What cannot be done, such as `"call over HTTP"`; begins the error's text.
 * @param maxBytes The default of `maxBytes`, where it is not that of envelopes.
 * @throws {TypeError} If one is of a wrong type, or they are no object.
 * @throws {RangeError} If one is out of bounds.
 */
export function checkClientOptions(
  action: string,
  options: ClientOptions,
  maxBytes: number = MAX_MESSAGE_BYTES,
): CheckedClientOptions {
  const { name, capabilities } = checkOptions(action, options);
  if (name !== undefined && (typeof name !== "string" || name === "")) {
    throw new TypeError(
      `Cannot ${action} as 'name' must be a non-empty string: current value is ${describe(name)}`,
    );
  }
  checkTexts(action, "capabilities", capabilities);
  return {
    name,
    capabilities: Object.freeze([...(capabilities ?? [])]),
    timeoutMs: checkLimit(action, "timeoutMs", options.timeoutMs ?? 30_000),
    maxBytes: checkLimit(action, "maxBytes", options.maxBytes ?? maxBytes),
    clock: checkClock(action, options.clock),
  };
}
