import { AgenkitError } from "../../core/errors.ts";

/** The close codes that are used here (RFC 6455, section 7.4.1). */
export const CLOSE = {
  /** All is said. */
  normal: 1000,
  /** The server drains, or nothing was said for too long. */
  goingAway: 1001,
  /** No code was given; never sent. */
  none: 1005,
  /** The connection broke; never sent. */
  abnormal: 1006,
  /** More or faster than is allowed. */
  policy: 1008,
  /** A message was too large. */
  tooBig: 1009,
} as const;

/** What the end of a connection means for what was under way; nothing if it ended as it should. */
export function lossOf(code: number, reason: string, peer: string): AgenkitError | undefined {
  switch (code) {
    case CLOSE.normal:
    case CLOSE.goingAway:
    case CLOSE.none:
      return undefined;
    case CLOSE.tooBig:
      return new AgenkitError(
        "resource_exhausted",
        `A message was too large for ${peer}${because(reason)}`,
        { retryable: false },
      );
    case CLOSE.policy:
      return new AgenkitError("resource_exhausted", `${peer} cut the connection${because(reason)}`);
    default:
      return new AgenkitError(
        "unavailable",
        `The connection to ${peer} was lost (code ${code})${because(reason)}`,
      );
  }
}

function because(reason: string): string {
  return reason === "" ? "" : `: ${reason}`;
}
