import type { IncomingHttpHeaders } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Compression, compressionNegotiate } from "@connectrpc/connect/protocol";
import { parseContentType, parseTimeout } from "@connectrpc/connect/protocol-grpc";
import { isTooFar } from "../rpc/deadlines.ts";
import { gzip } from "./compression.ts";

/** What a call says before its first message. */
export interface RequestHead {
  /** Whether messages are protobuf, and not its JSON. */
  readonly binary: boolean;
  /** How requests are compressed. */
  readonly compression: Compression | null;
  /**
   * How answers are: like the requests, if the client takes that. One that only
   * says what it could take has not asked for what compressing costs.
   */
  readonly answerCompression: Compression | null;
  /** How many milliseconds the call may take; undefined if that has no end. */
  readonly timeoutMs: number | undefined;
  /** Why it cannot be answered. */
  readonly refusal: ConnectError | undefined;
}

const COMPRESSIONS: Compression[] = [gzip];

/** Reads the headers of a call. */
export function readHead(headers: IncomingHttpHeaders): RequestHead {
  const { request, response, error } = compressionNegotiate(
    COMPRESSIONS,
    first(headers["grpc-encoding"]),
    first(headers["grpc-accept-encoding"]),
    "grpc-accept-encoding",
  );
  const timeout = parseTimeout(first(headers["grpc-timeout"]), Infinity);
  const timeoutMs = isTooFar(timeout.timeoutMs ?? Infinity) ? undefined : timeout.timeoutMs;
  return {
    binary: parseContentType(first(headers["content-type"]))?.binary ?? true,
    compression: request,
    answerCompression: request === null ? null : response,
    timeoutMs,
    refusal: error ?? timeout.error ??
      (timeoutMs !== undefined && timeoutMs <= 0
        ? new ConnectError("The deadline has passed", Code.DeadlineExceeded)
        : undefined),
  };
}

function first(value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null;
}
