import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { type Code, CODES, isCode } from "../../core/code.ts";
import { AgenkitError, RemoteError, TimeoutError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import { type Error as ProtoError, ErrorSchema } from "../../gen/agent_pb.ts";
import { readError, writeError } from "../../protocol/wire_error.ts";
import { unreachable } from "../connect_failure.ts";

/**
 * A request header by which a client asks for failures of agents as a status
 * with details. Without it they are answers of their own, as old peers have them.
 */
export const ERRORS_HEADER = "agenkit-errors";

/** What {@linkcode ERRORS_HEADER} has to say. */
export const ERRORS_AS_STATUS = "status";

/** What peers call a failure of an agent's own on this transport. */
const AGENT_ERROR = "AGENT_ERROR";

/** Writes an error as protobuf, where all is text. */
export function writeProtoError(error: AgenkitError): MessageInitShape<typeof ErrorSchema> {
  const { error_code, error_message, error_details } = writeError(error);
  const details: Record<string, string> = {};
  for (const [key, value] of Object.entries(error_details)) {
    details[key] = typeof value === "string" ? value : JSON.stringify(value);
  }
  return {
    code: error.code === "unknown" ? AGENT_ERROR : error_code,
    message: error_message,
    details,
  };
}

/** Reads the error of any peer. Never throws: what is missing is filled in. */
export function readProtoError(error: ProtoError | undefined, fallback?: Code): RemoteError {
  if (error === undefined) return readError({}, fallback);
  const details: Record<string, Json> = { ...error.details };
  if (isCode(details.code)) {
    for (const key of ["retryable", "retry_after_ms", "details"]) {
      const text = error.details[key];
      if (text !== undefined) details[key] = valueOf(text);
    }
  }
  return readError(
    { error_code: error.code, error_message: error.message, error_details: details },
    fallback,
  );
}

/** The status that an error becomes, with the error as its detail. */
export function toConnectError(error: AgenkitError): ConnectError {
  // Half a character cannot be sent, and the library would fail at it.
  return new ConnectError(error.message.toWellFormed(), CODES[error.code].grpc, undefined, [
    { desc: ErrorSchema, value: writeProtoError(error) },
  ], error);
}

const BY_NUMBER: ReadonlyMap<number, Code> = new Map(
  (Object.keys(CODES) as Code[]).map((code) => [CODES[code].grpc, code]),
);

/**
 * What a call failed with, by its detail where it has ours.
 *
 * @param url Names the server in error messages.
 */
export function fromConnectError(error: ConnectError, url: string): AgenkitError {
  const code = BY_NUMBER.get(error.code) ?? "unknown";
  const [detail] = error.findDetails(ErrorSchema);
  if (detail !== undefined) return readProtoError(detail, code);
  const { rawMessage, cause } = error;
  if (/ configured writeMaxBytes /.test(rawMessage)) {
    return new AgenkitError("resource_exhausted", `The request is too large: ${rawMessage}`, {
      cause: error,
      retryable: false,
    });
  }
  if (code === "deadline_exceeded") {
    return new TimeoutError(`${url} did not answer in time: ${rawMessage}`, { cause: error });
  }
  // Only what was made on this side has a cause: a connection that could not be had or was lost,
  // or a limit that was found while something was decompressed.
  const lost = cause !== undefined && !/ larger than configured /.test(rawMessage);
  if (lost || LOST.test(rawMessage)) {
    return unreachable(url, rawMessage, error);
  }
  return new RemoteError(code, rawMessage || `${url} answered with status ${code}`, {
    cause: error,
    // What is too large stays so.
    retryable: / larger than /.test(rawMessage) ? false : undefined,
  });
}

/** What tells that the connection ended before the answer did. */
const LOST = /^(?:http\/2 stream closed|protocol error: (?:missing|promised|incomplete) )/;

function valueOf(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
