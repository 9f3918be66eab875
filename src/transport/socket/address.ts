import { describe } from "../../core/json.ts";
import { shownUrl } from "../url.ts";

/** Where a socket is: a host and port, or a path. */
export type SocketAddress =
  | { readonly kind: "tcp"; readonly tls: boolean; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** What Linux has room for, unix(7); elsewhere it may be a few bytes less. */
const MAX_PATH_BYTES = 107;

/**
 * Reads `tcp://host:port`, `tcps://host:port` (TLS) or `unix:///path`. An IPv6
 * host stands in brackets; the path is all that follows `unix://`, as it is.
 *
 * @param action What cannot be done, such as `"call over a socket"`; begins the error's text.
 * @param minPort The lowest port: 0 where the system may choose one. @default {1}
 * @throws {TypeError} If it is none.
 * @throws {RangeError} If the port is out of bounds, or the path is too long for a socket.
 */
export function readAddress(action: string, url: string | URL, minPort = 1): SocketAddress {
  const text = String(url);
  if (text.startsWith("unix://")) {
    const path = text.slice("unix://".length);
    if (path !== "" && !path.includes("\0")) {
      checkLength(action, path);
      return { kind: "unix", path };
    }
  }
  const parts = /^(tcps?):\/\/(?:\[([0-9a-f:.]+(?:%[\w.-]+)?)\]|([^/:@?#\s[\]]+)):(\d+)\/?$/i.exec(
    text,
  );
  if (parts === null) {
    throw new TypeError(
      `Cannot ${action} as the address must be tcp://host:port, tcps://host:port or ` +
        `unix:///path: current value is ${describe(shownUrl(text))}`,
    );
  }
  const [, scheme, ipv6, name, digits] = parts;
  const port = Number(digits);
  if (port < minPort || port > 65_535) {
    throw new RangeError(
      `Cannot ${action} as the port must be from ${minPort} to 65535: current value is ${port}`,
    );
  }
  return { kind: "tcp", tls: scheme!.toLowerCase() === "tcps", host: ipv6 ?? name!, port };
}

function checkLength(action: string, path: string): void {
  const { length } = new TextEncoder().encode(path);
  if (length <= MAX_PATH_BYTES) return;
  throw new RangeError(
    `Cannot ${action} as the path of a Unix socket must be at most ${MAX_PATH_BYTES} bytes: ` +
      `current value has ${length}`,
  );
}

/** Writes an address as a URL. */
export function addressUrl(address: SocketAddress): string {
  if (address.kind === "unix") return `unix://${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${address.tls ? "tcps" : "tcp"}://${host}:${address.port}`;
}
