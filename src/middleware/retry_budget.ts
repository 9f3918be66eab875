import { checkNumber, checkOptions } from "../core/options.ts";

/** Options of {@linkcode retryBudget}. */
export interface RetryBudgetOptions {
  /** How many extra attempts each call earns, from 0 to 1. @default {0.2} */
  readonly ratio?: number | undefined;
  /** How many extra attempts may be saved up; the budget starts with as many. @default {10} */
  readonly burst?: number | undefined;
}

/** Limits extra attempts to a share of the calls, see {@linkcode retryBudget}. */
export interface RetryBudget {
  /** How many extra attempts could be made now. */
  readonly available: number;
  /** Earns a call's share. */
  deposit(): void;
  /** Takes one extra attempt, if there is one. */
  withdraw(): boolean;
}

/**
 * Limits retries or hedges to a share of the calls, for all callers together:
 * never more than `burst + ratio * calls`. While an agent is down, retrying
 * every call multiplies the load that keeps it down; a budget stops that where
 * a number of attempts a call cannot.
 *
 * It is a token bucket that is filled by calls instead of by time, and so
 * costs no look at the clock: the idea of Finagle's `RetryBudget` and of the
 * retry throttling of gRPC (proposal A6). Give one value to several `retry` or
 * `hedge` to have them share it.
 *
 * @example
 * ```ts
 * import { retryBudget } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const budget = retryBudget({ ratio: 0.5, burst: 1 });
 * assert.equal(budget.withdraw(), true);
 * assert.equal(budget.withdraw(), false);
 * budget.deposit();
 * budget.deposit();
 * assert.equal(budget.withdraw(), true);
 * ```
 *
 * @throws {TypeError} If an option is not a number.
 * @throws {RangeError} If `ratio` is not from 0 to 1, or `burst` is negative, NaN or infinite.
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  checkOptions("limit retries", options);
  const { ratio = 0.2, burst = 10 } = options;
  checkNumber("limit retries", "ratio", ratio, { min: 0, max: 1 });
  checkNumber("limit retries", "burst", burst, { min: 0, integer: true });
  return new Budget(ratio, burst);
}

class Budget implements RetryBudget {
  readonly #ratio: number;
  /** At least one fits, or a budget without burst would never allow any. */
  readonly #limit: number;
  #tokens: number;

  constructor(ratio: number, burst: number) {
    this.#ratio = ratio;
    this.#limit = Math.max(burst, 1);
    this.#tokens = burst;
  }

  get available(): number {
    return Math.floor(this.#tokens + ROUNDING);
  }

  deposit(): void {
    this.#tokens = Math.min(this.#limit, this.#tokens + this.#ratio);
  }

  withdraw(): boolean {
    if (this.available < 1) return false;
    this.#tokens = Math.max(0, this.#tokens - 1);
    return true;
  }
}

/** Ten times 0.1 is a little less than 1. */
const ROUNDING = 1e-9;

/** Refuses what is not a budget. */
export function checkBudget(action: string, value: unknown): void {
  if (value === undefined) return;
  const budget = value as Partial<RetryBudget> | null;
  if (
    typeof budget === "object" && budget !== null && typeof budget.deposit === "function" &&
    typeof budget.withdraw === "function"
  ) return;
  throw new TypeError(
    `Cannot ${action} as 'budget' must be what retryBudget() returns: current value is ${
      String(value)
    }`,
  );
}
