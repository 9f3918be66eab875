import type { IncomingHttpHeaders } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { findTrailerError, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";

const STATUS = "grpc-status";
const MESSAGE = "grpc-message";
const DETAILS = "grpc-status-details-bin";

/** What says that all went well. */
export const OK: Readonly<Record<string, string>> = { [STATUS]: "0" };

/** Whether headers or trailers tell how a call has ended. */
export function hasStatus(headers: IncomingHttpHeaders): boolean {
  return headers[STATUS] !== undefined;
}

/** What a status tells a call has failed with; undefined if it has not. */
export function statusError(headers: IncomingHttpHeaders): ConnectError | undefined {
  const status = headers[STATUS];
  if (status === "0") return undefined;
  const code = Number(status);
  const known = code in Code ? code as Code : Code.Unknown;
  const error = new ConnectError(textOf(headers[MESSAGE]), known);
  if (headers[DETAILS] !== undefined) error.details = detailsOf(headers);
  return error;
}

function textOf(encoded: string | string[] | undefined): string {
  const text = String(encoded ?? "");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function detailsOf(headers: IncomingHttpHeaders): ConnectError["details"] {
  try {
    return findTrailerError(webHeaders(headers, [DETAILS]))?.details ?? [];
  } catch {
    // What cannot be decoded says nothing more than the status does.
    return [];
  }
}

/** The trailers that tell what a call has failed with. */
export function statusTrailers(error: ConnectError): Record<string, string> {
  const trailers = Object.fromEntries(setTrailerStatus(new Headers(), error));
  // The library encodes more of the text than gRPC asks for, and some clients decode only that.
  return { ...trailers, [MESSAGE]: encodeStatusText(error.rawMessage) };
}

/** Encodes what is not printable ASCII, and the percent sign. */
export function encodeStatusText(text: string): string {
  return text.replace(/[^ -$&-~]+/g, encodeURIComponent);
}

/** Headers of Node as those of the web. Pseudo headers are left out. */
export function webHeaders(
  headers: IncomingHttpHeaders,
  names: readonly string[] = Object.keys(headers),
): Headers {
  const found = new Headers();
  for (const name of names) {
    const value = headers[name];
    if (value === undefined || name.startsWith(":")) continue;
    for (const item of Array.isArray(value) ? value : [value]) found.append(name, item);
  }
  return found;
}
