import { type Code, CODES } from "../core/code.ts";

const ENTRIES = Object.entries(CODES) as [Code, (typeof CODES)[Code]][];

const BY_WIRE: ReadonlyMap<string, Code> = new Map(
  ENTRIES.flatMap(([code, info]) => info.wire.map((name) => [name, code] as const)),
);

/** The statuses that several codes share, or that none is sent as, and what they most likely mean. */
const BY_HTTP: ReadonlyMap<number, Code> = new Map([
  ...ENTRIES.map(([code, info]) => [info.http, code] as const),
  [400, "invalid_argument"],
  [405, "unimplemented"],
  [408, "deadline_exceeded"],
  [409, "aborted"],
  [413, "resource_exhausted"],
  [415, "invalid_argument"],
  [500, "unknown"],
  [502, "unavailable"],
]);

/** The HTTP status that a code is sent with. */
export function httpFromCode(code: Code): number {
  return CODES[code].http;
}

/** What an HTTP status means where the body does not say. */
export function codeFromHttp(status: number): Code {
  return BY_HTTP.get(status) ??
    (status >= 500 ? "unknown" : status >= 400 ? "failed_precondition" : "unknown");
}

/** What Python and Go peers call a code. */
export function wireFromCode(code: Code): string {
  return CODES[code].wire[0];
}

/** What a peer's code means, or `undefined` if no peer is known to write it. */
export function codeFromWire(name: string): Code | undefined {
  return BY_WIRE.get(name);
}
