import type { IncomingHttpHeaders } from "node:http2";

/** Headers that say something of an HTTP/1.1 connection; HTTP/2 refuses them, RFC 9113 section 8.2.2. */
const OF_THE_CONNECTION = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Headers as `node:http` and `node:http2` take them. */
export function toNodeHeaders(headers: HeadersInit | undefined): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of new Headers(headers)) {
    if (!OF_THE_CONNECTION.has(name)) result[name] = value;
  }
  return result;
}

/** Headers of `node:http` and `node:http2` as the web has them. */
export function toWebHeaders(headers: IncomingHttpHeaders): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":")) continue;
    for (const item of Array.isArray(value) ? value : [value]) result.append(name, String(item));
  }
  return result;
}

/** An answer of the web; a status that has no body gets none. */
export function toResponse(
  status: number,
  headers: IncomingHttpHeaders,
  body: () => ReadableStream<Uint8Array<ArrayBuffer>>,
): Response {
  const bare = status === 204 || status === 205 || status === 304;
  return new Response(bare ? null : body(), { status, headers: toWebHeaders(headers) });
}
