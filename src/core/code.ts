/** The canonical name of an error's kind: those of gRPC in snake case, without `ok`. */
export type Code =
  | "cancelled"
  | "unknown"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "already_exists"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "out_of_range"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss"
  | "unauthenticated";

/** What one error code means elsewhere. */
export interface CodeInfo {
  /** The gRPC status number. */
  readonly grpc: number;
  /** The HTTP status a server answers with. */
  readonly http: number;
  /** Whether trying again may help, unless the error says otherwise. */
  readonly retryable: boolean;
  /** What Python and Go peers call it; the first is what is sent to them. */
  readonly wire: readonly [string, ...string[]];
}

/**
 * The one table of error codes: the canonical gRPC names in snake case, with
 * what they are on HTTP, on gRPC and in the envelopes of Python and Go peers.
 * The gRPC names and numbers are those of `google.rpc.Code`.
 */
export const CODES: Readonly<Record<Code, CodeInfo>> = {
  cancelled: { grpc: 1, http: 499, retryable: false, wire: ["CANCELLED", "CONNECTION_CLOSED"] },
  unknown: { grpc: 2, http: 500, retryable: true, wire: ["EXECUTION_ERROR", "AGENT_ERROR"] },
  invalid_argument: {
    grpc: 3,
    http: 400,
    retryable: false,
    wire: ["INVALID_MESSAGE", "INVALID_REQUEST", "MALFORMED_PAYLOAD", "UNSUPPORTED_VERSION"],
  },
  deadline_exceeded: {
    grpc: 4,
    http: 504,
    retryable: true,
    wire: ["AGENT_TIMEOUT", "CONNECTION_TIMEOUT"],
  },
  not_found: { grpc: 5, http: 404, retryable: false, wire: ["AGENT_NOT_FOUND", "TOOL_NOT_FOUND"] },
  already_exists: { grpc: 6, http: 409, retryable: false, wire: ["DUPLICATE_AGENT"] },
  permission_denied: { grpc: 7, http: 403, retryable: false, wire: ["PERMISSION_DENIED"] },
  resource_exhausted: { grpc: 8, http: 429, retryable: true, wire: ["RESOURCE_EXHAUSTED"] },
  failed_precondition: {
    grpc: 9,
    http: 400,
    retryable: false,
    wire: ["FAILED_PRECONDITION", "REGISTRATION_FAILED"],
  },
  aborted: { grpc: 10, http: 409, retryable: true, wire: ["ABORTED"] },
  out_of_range: { grpc: 11, http: 400, retryable: false, wire: ["OUT_OF_RANGE"] },
  unimplemented: { grpc: 12, http: 501, retryable: false, wire: ["NOT_IMPLEMENTED"] },
  internal: {
    grpc: 13,
    http: 500,
    retryable: true,
    wire: ["INTERNAL_ERROR", "STREAM_ERROR", "TOOL_EXECUTION_FAILED"],
  },
  unavailable: {
    grpc: 14,
    http: 503,
    retryable: true,
    wire: ["AGENT_UNAVAILABLE", "CONNECTION_FAILED"],
  },
  data_loss: { grpc: 15, http: 500, retryable: false, wire: ["DATA_LOSS"] },
  unauthenticated: { grpc: 16, http: 401, retryable: false, wire: ["UNAUTHENTICATED"] },
};

/** Whether a value is one of the canonical codes. */
export function isCode(value: unknown): value is Code {
  return typeof value === "string" && Object.hasOwn(CODES, value);
}
