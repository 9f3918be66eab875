import { NOT_BEGUN } from "../core/begun.ts";
import { AgenkitError } from "../core/errors.ts";
import { EnvelopeError } from "../protocol/decode.ts";

/** Makes the text that clients get of an agent's failure. */
export type ErrorText = (error: AgenkitError) => string;

/** What clients get where `errorText` itself fails: whoever gives it has something to hide. */
const FALLBACK = "The agent failed";

/** An error as clients may see it: what is wrong with a request is no secret. */
export function shownError(error: AgenkitError, errorText: ErrorText | undefined): AgenkitError {
  if (errorText === undefined || error instanceof EnvelopeError) return error;
  const { code, retryable, retryAfterMs } = error;
  // Of the details only what is ours: that the call was refused, and may go elsewhere.
  const details = error.details === NOT_BEGUN ? NOT_BEGUN : undefined;
  return new AgenkitError(code, textOf(error, errorText), { retryable, retryAfterMs, details });
}

function textOf(error: AgenkitError, errorText: ErrorText): string {
  try {
    return String(errorText(error));
  } catch {
    return FALLBACK;
  }
}
