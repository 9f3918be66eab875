import type { Code } from "../../core/code.ts";
import { AgenkitError } from "../../core/errors.ts";
import { encodeError } from "../../protocol/encode.ts";
import { httpFromCode } from "../../protocol/status.ts";
import { JSON_TYPE, writeRetryAfter } from "./headers.ts";

/** An error whose HTTP status says more than its code's usual one. */
export class HttpProblem extends AgenkitError {
  /** The status to answer with. */
  readonly status: number;
  /** Headers that belong to the status, such as `Allow`. */
  readonly headers: Readonly<Record<string, string>>;

  /** Makes the error; it is not retryable. */
  constructor(
    status: number,
    code: Code,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message, { retryable: false });
    this.status = status;
    this.headers = headers;
  }
}

/** Answers with an error envelope. */
export function errorResponse(id: string, error: AgenkitError): Response {
  const status = error instanceof HttpProblem ? error.status : httpFromCode(error.code);
  const headers: Record<string, string> = { "content-type": JSON_TYPE };
  if (error instanceof HttpProblem) Object.assign(headers, error.headers);
  const { retryAfterMs } = error;
  // An agent may have thrown one that never comes, or is no number.
  if (Number.isFinite(retryAfterMs)) headers["retry-after"] = writeRetryAfter(retryAfterMs!);
  return new Response(encodeError(id, error), { status, headers });
}
