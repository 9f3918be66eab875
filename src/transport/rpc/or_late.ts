import { neverBegan } from "../../core/begun.ts";
import { codeOf, RemoteError, TimeoutError } from "../../core/errors.ts";
import { DEADLINE_SLACK_MS } from "./deadlines.ts";

/**
 * An error as it is; but a timeout, if the other side has ended the call just
 * as its time was up. Servers know the deadline (gRPC's in Go resets the stream
 * then), and their timer may be quicker than that of this side.
 *
 * @param timeLeft How many milliseconds were left of it.
 * @param name The agent's name.
 */
export function orLate(error: unknown, timeLeft: number | undefined, name: string): unknown {
  if (timeLeft === undefined || timeLeft > DEADLINE_SLACK_MS || !isCut(error)) return error;
  return new TimeoutError(`'${name}' did not answer in time: ${(error as Error).message}`, {
    cause: error,
  });
}

/** Whether a call ran, and was cancelled or cut without a word. */
function isCut(error: unknown): boolean {
  const code = codeOf(error);
  return code === "cancelled" ||
    code === "unavailable" && !(error instanceof RemoteError) && !neverBegan(error);
}
