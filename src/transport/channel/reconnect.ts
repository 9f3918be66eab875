import type { Clock } from "../../core/clock.ts";
import { AgenkitError } from "../../core/errors.ts";
import { checkNumber } from "../../core/options.ts";

/**
 * How often and how soon a connection that cannot be made is tried again. Waits
 * grow by a factor of two and are spread by full jitter, as in "Exponential
 * Backoff and Jitter" (Marc Brooker, AWS Architecture Blog, 2015). All of it
 * happens within the time that the call has.
 */
export interface ReconnectOptions {
  /** How many attempts there are, the first included. @default {5} */
  readonly maxAttempts?: number | undefined;
  /** The longest wait after the first failure, in milliseconds. @default {100} */
  readonly initialMs?: number | undefined;
  /** The longest wait of all, in milliseconds. @default {5000} */
  readonly maxMs?: number | undefined;
}

/** Where time and chance come from. */
export interface Chance {
  /** Tells the time, and waits. */
  readonly clock: Clock;
  /** Gives a number from 0 up to, but without, 1. */
  readonly random: () => number;
}

/** Makes a connection, within the signal. */
export type Connect<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Adds attempts to what makes a connection. What is not retryable, such as a
 * refused certificate, fails at once.
 *
 * @param action Begins the text of errors about options, such as `"call over WebSocket"`.
 * @throws {TypeError} If an option is of a wrong type.
 * @throws {RangeError} If an option is out of bounds.
 */
export function withReconnect<T>(
  action: string,
  connect: Connect<T>,
  options: ReconnectOptions,
  { clock, random }: Chance,
): Connect<T> {
  const { maxAttempts = 5, initialMs = 100, maxMs = 5000 } = options;
  checkNumber(action, "reconnect.maxAttempts", maxAttempts, { min: 1, integer: true });
  checkNumber(action, "reconnect.initialMs", initialMs, { min: 0 });
  checkNumber(action, "reconnect.maxMs", maxMs, { min: 0 });
  return async (signal) => {
    for (let attempt = 1;; attempt++) {
      try {
        return await connect(signal);
      } catch (error) {
        signal.throwIfAborted();
        if (attempt >= maxAttempts || !mayPass(error)) throw error;
        await clock.sleep(random() * Math.min(maxMs, initialMs * 2 ** (attempt - 1)), signal);
      }
    }
  };
}

function mayPass(error: unknown): boolean {
  return !(error instanceof AgenkitError) || error.retryable;
}
