import { AgenkitError, type AgenkitErrorOptions } from "../core/errors.ts";

const BRAND = Symbol.for("agenkit.BulkheadFullError");

/**
 * A bulkhead had neither a place for a call nor room for it to wait. Its code
 * is `resource_exhausted`, and trying again may help.
 */
export class BulkheadFullError extends AgenkitError {
  /** Makes the error; the code is always `resource_exhausted`. */
  constructor(message: string, options: AgenkitErrorOptions = {}) {
    super("resource_exhausted", message, options);
  }

  /** Recognises errors of another copy of the package by their brand. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== BulkheadFullError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "object" && value !== null && BRAND in value;
  }
}

Object.defineProperty(BulkheadFullError.prototype, BRAND, { value: true });
Object.defineProperty(BulkheadFullError.prototype, "name", {
  value: "BulkheadFullError",
  configurable: true,
});
