import { type Code, CODES, isCode } from "./code.ts";
import { describe, type JsonObject } from "./json.ts";

/** What an {@linkcode AgenkitError} may say besides its code and text. */
export interface AgenkitErrorOptions {
  /** What led to it. */
  readonly cause?: unknown;
  /** Whether trying again may help. Default: what the code says. */
  readonly retryable?: boolean | undefined;
  /** After how many milliseconds to try again, where that is known. */
  readonly retryAfterMs?: number | undefined;
  /** Facts for programs, as JSON. */
  readonly details?: JsonObject | undefined;
}

const BRAND = Symbol.for("agenkit.AgenkitError");
const BRAND_OF = Symbol("agenkit.brand");

/**
 * The one error of this package. Branch on `code`, not on the text. It is
 * recognised by `instanceof` even when two copies of the package are loaded.
 *
 * @example
 * ```ts
 * import { AgenkitError } from "@agenkit/agenkit";
 * import assert from "node:assert/strict";
 *
 * const error = new AgenkitError("unavailable", "The model is restarting", { retryAfterMs: 500 });
 * assert.equal(error.code, "unavailable");
 * assert.equal(error.retryable, true);
 * ```
 */
export class AgenkitError extends Error {
  /** The kind of the error. */
  readonly code: Code;
  /** Whether trying again may help. */
  readonly retryable: boolean;
  /** After how many milliseconds to try again, where that is known. */
  readonly retryAfterMs: number | undefined;
  /** Facts for programs. */
  readonly details: JsonObject | undefined;

  /**
   * Makes the error.
   *
   * @throws {TypeError} If the code is not one of the table.
   */
  constructor(code: Code, message: string, options: AgenkitErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    if (!isCode(code)) {
      throw new TypeError(
        `Cannot make an error: 'code' must be a canonical code, got ${describe(code)}`,
      );
    }
    this.code = code;
    this.retryable = options.retryable ?? CODES[code].retryable;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
  }

  /** Recognises errors of another copy of the package by their brand. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return branded(this, value);
  }
}

/** A call took longer than it was allowed to. Its code is `deadline_exceeded`. */
export class TimeoutError extends AgenkitError {
  /** The limit that was broken, in milliseconds, where it is known. */
  readonly timeoutMs: number | undefined;

  /** Makes the error; the code is always `deadline_exceeded`. */
  constructor(message: string, options: AgenkitErrorOptions & { timeoutMs?: number } = {}) {
    super("deadline_exceeded", message, options);
    this.timeoutMs = options.timeoutMs;
  }
}

/** A circuit breaker refused a call. Its code is `unavailable`; not retryable before `retryAfterMs`. */
export class CircuitOpenError extends AgenkitError {
  /** Makes the error; the code is always `unavailable`. */
  constructor(message: string, options: AgenkitErrorOptions = {}) {
    super("unavailable", message, { ...options, retryable: options.retryable ?? false });
  }
}

/** A rate limiter refused a call. Its code is `resource_exhausted`. */
export class RateLimitError extends AgenkitError {
  /** Makes the error; the code is always `resource_exhausted`. */
  constructor(message: string, options: AgenkitErrorOptions = {}) {
    super("resource_exhausted", message, options);
  }
}

/** A remote agent answered with an error. */
export class RemoteError extends AgenkitError {
  /** The code as the peer wrote it, such as `EXECUTION_ERROR`. */
  readonly remoteCode: string | undefined;

  /** Makes the error with the code that the peer's one maps to. */
  constructor(
    code: Code,
    message: string,
    options: AgenkitErrorOptions & { remoteCode?: string } = {},
  ) {
    super(code, message, options);
    this.remoteCode = options.remoteCode;
  }
}

/** One child's failure within an {@linkcode AggregateAgentError}. */
export interface AgentFailure {
  /** The child's name. */
  readonly agent: string;
  /** The child's position among its siblings, from 0. */
  readonly index: number;
  /** What the child threw. */
  readonly cause: unknown;
}

/** Several agents failed together. */
export class AggregateAgentError extends AgenkitError {
  /** Each failure, in the order of the agents. */
  readonly errors: readonly AgentFailure[];

  /** Makes the error from the failures; code, `retryable` and `cause` are the first one's. */
  constructor(
    message: string,
    errors: readonly AgentFailure[],
    options: AgenkitErrorOptions = {},
  ) {
    const first = errors[0]?.cause;
    super(codeOf(first) ?? "unknown", message, {
      ...options,
      cause: options.cause ?? first,
      retryable: options.retryable ?? (first instanceof AgenkitError ? first.retryable : undefined),
    });
    this.errors = Object.freeze([...errors]);
  }
}

/** The code of an error of this package, whichever copy made it; else `undefined`. */
export function codeOf(error: unknown): Code | undefined {
  if (typeof error !== "object" || error === null || !(BRAND in error)) return undefined;
  const { code } = error as { code?: unknown };
  return isCode(code) ? code : undefined;
}

// The brands sit on the prototypes, one a class: a subclass inherits those of
// its parents, and a copy of the package uses the same global symbols.
for (
  const [type, name] of [
    [AgenkitError, "AgenkitError"],
    [TimeoutError, "TimeoutError"],
    [CircuitOpenError, "CircuitOpenError"],
    [RateLimitError, "RateLimitError"],
    [RemoteError, "RemoteError"],
    [AggregateAgentError, "AggregateAgentError"],
  ] as const
) {
  Object.defineProperty(type.prototype, Symbol.for(`agenkit.${name}`), { value: true });
  // On the prototype, and as text: bundlers rename classes. Writable, so that a
  // subclass may set a name of its own.
  Object.defineProperty(type.prototype, "name", {
    value: name,
    configurable: true,
    writable: true,
  });
  Object.defineProperty(type, BRAND_OF, { value: Symbol.for(`agenkit.${name}`) });
}

function branded(type: object, value: unknown): boolean {
  const brand = Object.getOwnPropertyDescriptor(type, BRAND_OF)?.value as symbol | undefined;
  if (brand === undefined) return Function.prototype[Symbol.hasInstance].call(type, value);
  return typeof value === "object" && value !== null && brand in value;
}
