import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { onAbort } from "../../core/signals.ts";

/** What the library begins the text of such errors with. */
const UNREADABLE = "parse binary: ";

/**
 * Makes bytes that are no message a mistake of the client over Connect, as
 * Connect's library for Go does and this one with JSON. gRPC's own table of
 * statuses calls them `internal`, and that is what the library says of them.
 */
export function blameClient({ protocolName, signal }: HandlerContext): void {
  if (protocolName !== "connect") return;
  // The library aborts a call with its error before it writes that down.
  onAbort(signal, () => {
    const error: unknown = signal.reason;
    if (!(error instanceof ConnectError) || !error.rawMessage.startsWith(UNREADABLE)) return;
    // An agent's failure has details; it may have met such bytes elsewhere.
    if (error.details.length > 0) return;
    Object.defineProperty(error, "code", { value: Code.InvalidArgument });
  });
}
