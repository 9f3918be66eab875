import { AgenkitError, type AgenkitErrorOptions, codeOf } from "../core/errors.ts";
import type { Code } from "../core/code.ts";
import { textOf } from "./failures.ts";

/**
 * No agent could be chosen for a message: none fits (code `not_found`), or what
 * was to choose has failed (the code of its error, or `internal`; the error is
 * the `cause`).
 */
export class RoutingError extends AgenkitError {
  /** The composition that could not choose. */
  readonly composition: string;
  /** Which condition failed: its position among the routes, from 0. */
  readonly route: number | undefined;

  /** Makes the error. */
  constructor(
    code: Code,
    message: string,
    options: AgenkitErrorOptions & { composition: string; route?: number | undefined },
  ) {
    super(code, message, options);
    this.composition = options.composition;
    this.route = options.route;
  }

  static {
    // On the prototype, and as text: bundlers rename classes.
    Object.defineProperty(this.prototype, "name", { value: "RoutingError", configurable: true });
  }
}

/** Makes the error for a condition or route function that threw. */
export function choiceFailed(
  cause: unknown,
  what: string,
  composition: string,
  route?: number,
): RoutingError {
  const known = cause instanceof AgenkitError ? cause : undefined;
  return new RoutingError(
    codeOf(cause) ?? "internal",
    `${what} of '${composition}' failed: ${textOf(cause)}`,
    {
      cause,
      composition,
      route,
      // A condition is a program: what it trips over once, it will again.
      retryable: known?.retryable ?? false,
      retryAfterMs: known?.retryAfterMs,
    },
  );
}
