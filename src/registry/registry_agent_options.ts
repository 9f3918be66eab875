import type { Clock } from "../core/clock.ts";
import { codeOf } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import { checkFunction, checkNumber } from "../core/options.ts";
import { checkRemoteOptions, type RemoteAgentOptions } from "../remote/options.ts";
import { remoteAgent } from "../remote/remote_agent.ts";
import { type Balancer, powerOfTwoChoices } from "./balance.ts";
import type { EndpointClient, EndpointPolicy } from "./endpoint.ts";
import type { Registration } from "./registration.ts";

/** A call that goes on at another endpoint. */
export interface FailoverEvent {
  /** The agent's name. */
  readonly agent: string;
  /** Where it has failed. */
  readonly registration: Registration;
  /** With what. */
  readonly error: unknown;
  /** How many endpoints were tried, from 1. */
  readonly attempt: number;
}

/** Options of `AgentRegistry.agent`. */
export interface RegistryAgentOptions {
  /** Chooses among several endpoints. @default {powerOfTwoChoices()} */
  readonly balance?: Balancer | undefined;
  /**
   * When a call that failed goes on at another endpoint, as long as nothing of
   * a stream was handed on:
   *
   * - `"not_begun"`: only if the agent has certainly not begun with it: the
   *   connection was refused, or the server took no more calls;
   * - `"unavailable"`: with every error of that code, also if a connection broke
   *   in the middle. **The agent may then do its work twice**;
   * - `"never"`.
   *
   * @default {"not_begun"}
   */
  readonly failover?: "not_begun" | "unavailable" | "never" | undefined;
  /** The most endpoints that one call tries. @default {3} */
  readonly maxAttempts?: number | undefined;
  /** After how many failures in a row an endpoint is left alone. @default {3} */
  readonly ejectAfter?: number | undefined;
  /** For how long at first, in milliseconds; twice as long each time it fails again. @default {10000} */
  readonly ejectMs?: number | undefined;
  /** For how long at most, in milliseconds. @default {300000} */
  readonly maxEjectMs?: number | undefined;
  /**
   * Whether an error speaks against the endpoint, not the agent. Default: the
   * codes `unavailable` and `deadline_exceeded` do.
   */
  readonly isEndpointFailure?: ((error: unknown) => boolean) | undefined;
  /**
   * Options for the calls. Connections are tried once: there are other
   * endpoints, and this one is called again when it is its turn.
   */
  readonly remote?: Omit<RemoteAgentOptions, "name" | "capabilities"> | undefined;
  /** Makes what calls an endpoint. Default: `remoteAgent` with the options in `remote`. */
  readonly connect?: ((registration: Registration) => EndpointClient) | undefined;
  /** Told when a call goes on elsewhere. */
  readonly onFailover?: ((event: FailoverEvent) => void) | undefined;
}

/** Checked options, with the defaults filled in. */
export interface RegistryAgentPolicy extends EndpointPolicy {
  readonly balance: Balancer;
  readonly failover: "not_begun" | "unavailable" | "never";
  readonly maxAttempts: number;
  readonly isEndpointFailure: (error: unknown) => boolean;
  readonly onFailover: RegistryAgentOptions["onFailover"];
}

const ACTION = "make an agent of a registry";
const ONCE = { maxAttempts: 1 };
const FAILOVER: readonly unknown[] = ["not_begun", "unavailable", "never"];

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError} If one is of a wrong type.
 * @throws {RangeError} If one is out of bounds.
 */
export function registryAgentPolicy(
  options: RegistryAgentOptions,
  clock: Clock,
  random: () => number,
): RegistryAgentPolicy {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${ACTION}: expected an object of options, got ${describe(options)}`,
    );
  }
  for (const name of ["balance", "isEndpointFailure", "connect", "onFailover"] as const) {
    checkFunction(ACTION, name, options[name]);
  }
  const { failover = "not_begun", remote = {} } = options;
  if (!FAILOVER.includes(failover)) {
    throw new TypeError(
      `Cannot ${ACTION} as 'failover' must be one of ${FAILOVER.join(", ")}: current value is ${
        describe(failover)
      }`,
    );
  }
  checkRemoteOptions(remote);
  const count = { min: 1, integer: true, infinite: true };
  const time = { min: 0, exclusive: true, infinite: true };
  const check = (name: keyof RegistryAgentOptions, otherwise: number, rule: typeof count) =>
    checkNumber(ACTION, name, options[name] ?? otherwise, rule);
  const ejectMs = checkNumber(ACTION, "ejectMs", options.ejectMs ?? 10_000, time);
  return {
    clock,
    balance: options.balance ?? powerOfTwoChoices(random),
    failover,
    maxAttempts: check("maxAttempts", 3, count),
    ejectAfter: check("ejectAfter", 3, count),
    ejectMs,
    maxEjectMs: checkNumber(ACTION, "maxEjectMs", options.maxEjectMs ?? 300_000, time),
    isEndpointFailure: options.isEndpointFailure ?? isEndpointFailure,
    onFailover: options.onFailover,
    connect: options.connect ??
      (({ name, endpoint, capabilities }) =>
        remoteAgent(endpoint, {
          ...remote,
          socket: { reconnect: ONCE, ...remote.socket },
          websocket: { reconnect: ONCE, ...remote.websocket },
          name,
          capabilities,
        })),
  };
}

function isEndpointFailure(error: unknown): boolean {
  const code = codeOf(error);
  return code === "unavailable" || code === "deadline_exceeded";
}
