import { RemoteError } from "../../core/errors.ts";
import { decodeEnvelope } from "../../protocol/decode.ts";
import type { Envelope } from "../../protocol/envelope.ts";
import { codeFromHttp } from "../../protocol/status.ts";
import { readRetryAfter } from "./headers.ts";

/** The error of an answer that is not 200: what its envelope says, or else its status. */
export function failureOf(response: Response, text: string, url: string): RemoteError {
  const { status } = response;
  const retryAfterMs = readRetryAfter(response.headers.get("retry-after"));
  let said: Envelope | undefined;
  try {
    said = decodeEnvelope(text);
  } catch {
    // Proxies and some peers answer in plain text.
  }
  if (said?.type === "error" && said.error instanceof RemoteError) {
    const { code, message, remoteCode, details, retryable, retryAfterMs: told } = said.error;
    return new RemoteError(code, message, {
      ...(remoteCode === undefined ? undefined : { remoteCode }),
      details,
      retryable,
      retryAfterMs: told ?? retryAfterMs,
    });
  }
  const excerpt = text.trim().slice(0, 200);
  return new RemoteError(
    codeFromHttp(status),
    `${url} answered with HTTP ${status}${excerpt === "" ? "" : `: ${excerpt}`}`,
    { retryAfterMs },
  );
}
