import { NOT_BEGUN } from "../../core/begun.ts";
import type { CallOptions } from "../../core/call.ts";
import { AgenkitError } from "../../core/errors.ts";

/** Makes the headers of one call. */
export type HeadersMaker = (call: CallOptions) => HeadersInit | Promise<HeadersInit>;

/** Headers to send besides those that every call has, or a function that makes them. */
export type ExtraHeaders = HeadersInit | HeadersMaker;

/**
 * Reads the headers that are the same for each call.
 *
 * @param action Begins the error's text.
 * @param expected What it says was expected.
 * @throws {TypeError} If they are no headers.
 */
export function fixedHeaders(
  action: string,
  headers: ExtraHeaders | undefined,
  expected: string = "headers or a function",
): Record<string, string> {
  if (headers === undefined || typeof headers === "function") return {};
  try {
    return Object.fromEntries(new Headers(headers));
  } catch (cause) {
    throw new TypeError(
      `Cannot ${action} as 'headers' must be ${expected}: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** The headers of one call. That they cannot be made says nothing about the server. */
export async function madeHeaders(
  make: HeadersMaker,
  call: CallOptions,
  url: string,
): Promise<Record<string, string>> {
  try {
    return Object.fromEntries(new Headers(await make(call)));
  } catch (cause) {
    if (cause instanceof AgenkitError) throw cause;
    throw new AgenkitError(
      "unknown",
      `Cannot make the headers for ${url}: ${(cause as Error)?.message ?? cause}`,
      { cause, details: NOT_BEGUN },
    );
  }
}
