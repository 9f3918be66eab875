/** Where else a server says it can be reached, and for how long that holds. */
export interface Alternative {
  /** The origin's host, with the port of the alternative. */
  readonly origin: string;
  /** For how long the server stands by it, in milliseconds. */
  readonly maxAgeMs: number;
}

/** How long an alternative holds that names no time: RFC 7838 section 3.1. */
const DEFAULT_AGE_MS = 86_400_000;

/**
 * Reads what `Alt-Svc` says of HTTP/3: `undefined` if nothing, `"clear"` if the
 * server takes back what it said before. Alternatives on other hosts are passed
 * over. See RFC 7838.
 */
export function readAltSvc(
  value: string | null,
  origin: string,
): Alternative | "clear" | undefined {
  if (value === null) return undefined;
  if (value.trim() === "clear") return "clear";
  const url = new URL(origin);
  for (const entry of value.split(",")) {
    const [service, ...parameters] = entry.split(";").map((part) => part.trim());
    const [, host, port] = /^h3="([^":]*|\[[^\]]*\]):(\d{1,5})"$/.exec(service!) ?? [];
    if (port === undefined || (host !== "" && host !== url.hostname)) continue;
    const age = parameters.map((part) => /^ma=(\d+)$/.exec(part)?.[1]).find((ma) => ma);
    return {
      origin: `https://${url.hostname}:${port}`,
      maxAgeMs: age === undefined ? DEFAULT_AGE_MS : Number(age) * 1000,
    };
  }
  return undefined;
}
