/** What Node, Bun and the system call a connection that was never made. */
const CODES: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
  "ConnectionRefused",
]);

/** Deno has no codes, but says at which step its HTTP client failed. Some ports are refused by `fetch` itself. */
const TEXT =
  /client error \(Connect\)|Connection refused \(os error|^bad port$|Requests to port \d+ are blocked$/;

/** How many causes are followed: an error may be its own. */
const MAX_DEPTH = 5;

/**
 * Whether what a runtime's network failed with says that there never was a
 * connection: then the call was certainly not begun. Browsers do not tell.
 */
export function isConnectFailure(error: unknown, depth: number = MAX_DEPTH): boolean {
  if (typeof error !== "object" || error === null || depth === 0) return false;
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
  return CODES.has(code) || (typeof message === "string" && TEXT.test(message)) ||
    isConnectFailure(cause, depth - 1);
}
