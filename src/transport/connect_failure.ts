import { NOT_BEGUN } from "../core/begun.ts";
import { AgenkitError } from "../core/errors.ts";

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

/** An HTTP/2 server that goes away, or has too much to do, did not look at a request. */
const GOING_AWAY = "ERR_HTTP2_GOAWAY_SESSION";
const REFUSED = /\b(?:NGHTTP2_)?REFUSED_STREAM\b/;

/** How many causes are followed: an error may be its own. */
const MAX_DEPTH = 5;

/**
 * Whether what a runtime's network failed with says that there never was a
 * connection: then the call was certainly not begun. Browsers do not tell.
 */
export function isConnectFailure(error: unknown): boolean {
  return someCause(error, ({ code, message }) => CODES.has(code) || TEXT.test(message));
}

/** Whether an error says that a server refused a request over HTTP/2 unread: the call was certainly not begun. */
export function isRefused(error: unknown): boolean {
  return someCause(error, ({ code, message }) => code === GOING_AWAY || REFUSED.test(message));
}

/** What a call ends with that the network failed; it tells whether the call was certainly not begun. */
export function unreachable(url: string, why: string, cause: unknown): AgenkitError {
  return new AgenkitError("unavailable", `Cannot reach ${url}: ${why}`, {
    cause,
    details: isConnectFailure(cause) || isRefused(cause) ? NOT_BEGUN : undefined,
  });
}

function someCause(
  error: unknown,
  is: (error: { readonly code: unknown; readonly message: string }) => boolean,
  depth: number = MAX_DEPTH,
): boolean {
  if (typeof error !== "object" || error === null || depth === 0) return false;
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
  return is({ code, message: typeof message === "string" ? message : "" }) ||
    someCause(cause, is, depth - 1);
}
