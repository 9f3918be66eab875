import type { Clock } from "../core/clock.ts";
import { describe } from "../core/json.ts";
import { checkLimit, checkOptions } from "../core/options.ts";
import type { HttpAgentOptions } from "../transport/http/client.ts";

/** Options of `remoteAgent`: what holds for every transport, and what only one of them needs. */
export interface RemoteAgentOptions {
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
  /** The most bytes of a request, an answer or a chunk. @default {10485760} */
  readonly maxBytes?: number | undefined;
  /** Headers to send; refused for a transport that has none. */
  readonly headers?: HttpAgentOptions["headers"];
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** What only `http:`, `https:` and `h2c:` take. */
  readonly http?: Pick<HttpAgentOptions, "content" | "fetch"> | undefined;
}

/** The options that every transport takes. */
export type SharedOptions = Pick<
  RemoteAgentOptions,
  "name" | "capabilities" | "timeoutMs" | "maxBytes" | "clock"
>;

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
  if (
    capabilities !== undefined &&
    !(Array.isArray(capabilities) && capabilities.every((item) => typeof item === "string"))
  ) {
    throw new TypeError(
      `Cannot ${ACTION} as 'capabilities' must be an array of strings: current value is ${
        describe(capabilities)
      }`,
    );
  }
  if (timeoutMs !== undefined) checkLimit(ACTION, "timeoutMs", timeoutMs);
  if (maxBytes !== undefined) checkLimit(ACTION, "maxBytes", maxBytes);
}

/** Picks the options that every transport takes. */
export function sharedOptions(options: RemoteAgentOptions): SharedOptions {
  const { name, capabilities, timeoutMs, maxBytes, clock } = options;
  return { name, capabilities, timeoutMs, maxBytes, clock };
}
