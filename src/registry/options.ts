import { type Clock, systemClock } from "../core/clock.ts";
import { describe } from "../core/json.ts";
import { checkFunction, checkLimit, checkNumber } from "../core/options.ts";
import { memoryStore } from "./memory_store.ts";
import type { RegistryStore } from "./store.ts";

/** Options of `agentRegistry`. */
export interface AgentRegistryOptions {
  /** Where registrations are kept. Default: in the memory of this registry. */
  readonly store?: RegistryStore | undefined;
  /**
   * How often those who announce an agent give a sign of life, in milliseconds.
   *
   * @default {30000}
   */
  readonly heartbeatIntervalMs?: number | undefined;
  /**
   * How long an agent is kept without a sign of life, in milliseconds: it is
   * stale when its last one is older than that.
   *
   * @default {90000}
   */
  readonly heartbeatTimeoutMs?: number | undefined;
  /** How long the store may take to answer, in milliseconds. @default {2000} */
  readonly storeTimeoutMs?: number | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Where chance comes from: numbers from 0, below 1. @default {Math.random} */
  readonly random?: (() => number) | undefined;
}

/** Checked options, with the defaults filled in. */
export interface RegistryPolicy {
  readonly store: RegistryStore;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly storeTimeoutMs: number;
  readonly clock: Clock;
  readonly random: () => number;
}

const ACTION = "make a registry";
const METHODS = ["put", "touch", "remove", "list", "prune", "watch"] as const;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError} If one is of a wrong type.
 * @throws {RangeError} If one is out of bounds.
 */
export function registryPolicy(options: AgentRegistryOptions): RegistryPolicy {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${ACTION}: expected an object of options, got ${describe(options)}`,
    );
  }
  const { clock = systemClock, random = Math.random } = options;
  checkFunction(ACTION, "random", random);
  const heartbeatTimeoutMs = checkNumber(
    ACTION,
    "heartbeatTimeoutMs",
    options.heartbeatTimeoutMs ?? 90_000,
    { min: 0, exclusive: true },
  );
  const heartbeatIntervalMs = checkNumber(
    ACTION,
    "heartbeatIntervalMs",
    // A shorter time to live asks for more signs of life.
    options.heartbeatIntervalMs ?? Math.min(30_000, heartbeatTimeoutMs / 3),
    { min: 0, exclusive: true },
  );
  if (heartbeatIntervalMs >= heartbeatTimeoutMs) {
    throw new RangeError(
      `Cannot ${ACTION} as 'heartbeatIntervalMs' must be below 'heartbeatTimeoutMs', which is ` +
        `${heartbeatTimeoutMs}: current value is ${heartbeatIntervalMs}`,
    );
  }
  const storeTimeoutMs = checkLimit(ACTION, "storeTimeoutMs", options.storeTimeoutMs ?? 2_000);
  const store = options.store ?? memoryStore({ clock });
  const missing = METHODS.find((name) => typeof store?.[name] !== "function");
  if (missing !== undefined) {
    throw new TypeError(
      `Cannot ${ACTION} as 'store' must be a store with a '${missing}' function: current value is ${
        describe(store)
      }`,
    );
  }
  return { store, heartbeatIntervalMs, heartbeatTimeoutMs, storeTimeoutMs, clock, random };
}
