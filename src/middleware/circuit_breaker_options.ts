import type { Middleware } from "../core/agent.ts";
import type { Clock } from "../core/clock.ts";
import { describe } from "../core/json.ts";
import { checkClock, checkFunction, checkNumber, checkOptions } from "../core/options.ts";
import type { RequestMetrics } from "./request_counts.ts";

/**
 * `"closed"`: calls pass. `"open"`: calls are refused. `"half_open"`: a few
 * calls pass as probes, and what becomes of them decides.
 */
export type CircuitState = "closed" | "open" | "half_open";

/** Opens the circuit by the share of calls that fail, see `CircuitBreakerOptions.failureRate`. */
export interface FailureRateOptions {
  /** The share of failures that opens the circuit, above 0 and up to 1. @default {0.5} */
  readonly threshold?: number | undefined;
  /** How many calls there have to be in the window before the share counts. @default {10} */
  readonly minimumCalls?: number | undefined;
  /** How many of the latest calls count. Default: 100, or no limit if `windowMs` is given. */
  readonly windowSize?: number | undefined;
  /** How long a call counts, in milliseconds. Default: no limit. */
  readonly windowMs?: number | undefined;
}

/** Told to `onStateChange`. */
export interface CircuitStateChange {
  /** The state before. */
  readonly from: CircuitState;
  /** The state now. */
  readonly to: CircuitState;
  /** The failures that were counted when it changed. */
  readonly failures: number;
}

/** The state of a circuit as JSON: given by `toJSON`, taken by `initialState`. */
export interface CircuitSnapshot {
  /** The state. */
  readonly state: CircuitState;
  /** The failures counted so far. */
  readonly failures: number;
  /** How long an open circuit was to stay so; `null` for until it is reset. */
  readonly retryAfterMs: number | null;
  /** When it was taken, in milliseconds since 1970: monotonic time means nothing elsewhere. */
  readonly savedAt: number;
}

/** Options of `circuitBreaker`. */
export interface CircuitBreakerOptions {
  /** How many failures in a row open the circuit. @default {5} */
  readonly failureThreshold?: number | undefined;
  /**
   * Opens the circuit by the share of failures in a sliding window of calls or
   * of time, in place of `failureThreshold`. Default: failures in a row.
   */
  readonly failureRate?: FailureRateOptions | undefined;
  /** How long the circuit stays open, in milliseconds, from when it opened. @default {60000} */
  readonly recoveryTimeoutMs?: number | undefined;
  /** How many probes have to succeed for the circuit to close. @default {2} */
  readonly successThreshold?: number | undefined;
  /** How many probes may be under way at once. @default {1} */
  readonly halfOpenMaxCalls?: number | undefined;
  /**
   * Whether an error speaks against the agent. Not asked for calls that the
   * caller has cancelled. Default: {@linkcode isAgentFailure}.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
  /** Told of each change of state. What it throws is ignored. */
  readonly onStateChange?: ((change: CircuitStateChange) => void) | undefined;
  /** What `toJSON` returned elsewhere or earlier, to go on from. Default: closed. */
  readonly initialState?: CircuitSnapshot | undefined;
  /** Where time comes from. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * What a breaker has counted. Always: `totalRequests` = successful + failed +
 * rejected + cancelled + in flight.
 */
export interface CircuitBreakerMetrics extends RequestMetrics {
  /** Calls that the breaker refused. */
  readonly rejectedRequests: number;
  /** The failures that count at present: in a row, or in the window. */
  readonly failureCount: number;
  /** How often the state changed, such as `{"closed->open": 1}`. */
  readonly stateChanges: Readonly<Record<string, number>>;
  /** When the state last changed, in milliseconds of the clock's monotonic time. */
  readonly lastStateChange: number | undefined;
  /** The state. */
  readonly currentState: CircuitState;
}

/** What `circuitBreaker` returns: a middleware that shows its state. */
export interface CircuitBreaker extends Middleware {
  /** The state. An open circuit shows as open until a call comes after its time. */
  readonly state: CircuitState;
  /** What was counted so far, as a frozen object that no later call changes. */
  readonly metrics: CircuitBreakerMetrics;
  /**
   * How long an open circuit still refuses calls, in milliseconds. `undefined`
   * if it is not open, or was opened by `forceOpen`.
   */
  readonly retryAfterMs: number | undefined;
  /** Opens the circuit until {@linkcode CircuitBreaker.reset} is called. */
  forceOpen(): void;
  /** Closes the circuit and forgets the failures. Metrics are kept. */
  reset(): void;
  /** The state as JSON, for `initialState`. */
  toJSON(): CircuitSnapshot;
}

/** The share of failures that opens the circuit, with every default in place. */
export interface FailureRatePolicy {
  readonly threshold: number;
  readonly minimumCalls: number;
  /** `undefined`: no limit but `windowMs`. */
  readonly windowSize: number | undefined;
  readonly windowMs: number | undefined;
}

/** Options with every default in place. */
export interface BreakerPolicy {
  readonly failureThreshold: number;
  readonly failureRate: FailureRatePolicy | undefined;
  readonly recoveryTimeoutMs: number;
  readonly successThreshold: number;
  readonly halfOpenMaxCalls: number;
  readonly isFailure: (error: unknown) => boolean;
  readonly onStateChange: ((change: CircuitStateChange) => void) | undefined;
  readonly initialState: CircuitSnapshot | undefined;
  readonly clock: Clock;
}

const ACTION = "break the circuit";

/** Checks the options and puts defaults in place. */
export function breakerPolicy(
  options: CircuitBreakerOptions,
  isFailure: (error: unknown) => boolean,
): BreakerPolicy {
  checkOptions(ACTION, options);
  const { failureThreshold = 5, recoveryTimeoutMs = 60_000, successThreshold = 2 } = options;
  const { halfOpenMaxCalls = 1, failureRate, initialState } = options;
  for (
    const [name, value] of Object.entries({ failureThreshold, successThreshold, halfOpenMaxCalls })
  ) {
    checkNumber(ACTION, name, value, { min: 1, integer: true });
  }
  checkNumber(ACTION, "recoveryTimeoutMs", recoveryTimeoutMs, { min: 0, exclusive: true });
  checkFunction(ACTION, "isFailure", options.isFailure);
  checkFunction(ACTION, "onStateChange", options.onStateChange);
  if (failureRate !== undefined && options.failureThreshold !== undefined) {
    throw new TypeError(
      `Cannot ${ACTION} as 'failureThreshold' must not be given together with 'failureRate', ` +
        `which replaces it`,
    );
  }
  if (initialState !== undefined) checkSnapshot(initialState);
  return {
    failureThreshold,
    failureRate: failureRate === undefined ? undefined : failureRatePolicy(failureRate),
    recoveryTimeoutMs,
    successThreshold,
    halfOpenMaxCalls,
    isFailure: options.isFailure ?? isFailure,
    onStateChange: options.onStateChange,
    initialState,
    clock: checkClock(ACTION, options.clock),
  };
}

function failureRatePolicy(options: FailureRateOptions): FailureRatePolicy {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(
      `Cannot ${ACTION} as 'failureRate' must be an object: current value is ${describe(options)}`,
    );
  }
  const { threshold = 0.5, minimumCalls = 10, windowMs } = options;
  const { windowSize = windowMs === undefined ? 100 : undefined } = options;
  checkNumber(ACTION, "failureRate.threshold", threshold, { min: 0, exclusive: true, max: 1 });
  checkNumber(ACTION, "failureRate.minimumCalls", minimumCalls, { min: 1, integer: true });
  if (windowMs !== undefined) {
    checkNumber(ACTION, "failureRate.windowMs", windowMs, { min: 0, exclusive: true });
  }
  if (windowSize !== undefined) {
    const rule = { min: minimumCalls, integer: true, max: 1_000_000 };
    checkNumber(ACTION, "failureRate.windowSize", windowSize, rule);
  }
  return { threshold, minimumCalls, windowSize, windowMs };
}

function checkSnapshot(snapshot: CircuitSnapshot): void {
  if (
    typeof snapshot !== "object" || snapshot === null ||
    !["closed", "open", "half_open"].includes(snapshot.state)
  ) {
    throw new TypeError(
      `Cannot ${ACTION} as 'initialState' must be what toJSON() returned: current value is ${
        describe(snapshot)
      }`,
    );
  }
  checkNumber(ACTION, "initialState.failures", snapshot.failures, { min: 0, integer: true });
  checkNumber(ACTION, "initialState.savedAt", snapshot.savedAt, { min: 0 });
  if (snapshot.retryAfterMs !== null) {
    checkNumber(ACTION, "initialState.retryAfterMs", snapshot.retryAfterMs, { min: 0 });
  }
}
