import { AgenkitError } from "@agenkit/agenkit";

/** What a model asked for is well-formed, and not allowed. */
export function refuse(text: string): AgenkitError {
  return new AgenkitError("permission_denied", text);
}

/** What a model asked for makes no sense; it may try again with other arguments. */
export function invalid(text: string): AgenkitError {
  return new AgenkitError("invalid_argument", text);
}

/** What was asked for is more than the tool's limits allow. */
export function tooMuch(text: string): AgenkitError {
  return new AgenkitError("resource_exhausted", text, { retryable: false });
}

/** What was asked for is not there. */
export function missing(text: string): AgenkitError {
  return new AgenkitError("not_found", text);
}

/** The system refused; its own text, with the machine's paths, is only the cause. */
export function unexpected(error: unknown, name: string): AgenkitError {
  const code = (error as { code?: unknown } | null)?.code;
  const reason = typeof code === "string" ? ` (${code})` : "";
  return new AgenkitError("unavailable", `Cannot use ${quote(name)}: the system refused${reason}`, {
    cause: error,
    retryable: false,
  });
}

/**
 * Quotes what a model wrote, for an error text: short, on one line, and with
 * everything a terminal could act on escaped.
 */
export function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(short).replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (sign) => `\\u{${sign.codePointAt(0)!.toString(16)}}`,
  );
}
