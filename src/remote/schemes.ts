import { AgenkitError } from "../core/errors.ts";
import { describe } from "../core/json.ts";
import { refuseCredentials, shownUrl } from "../transport/url.ts";
import { has, runtimeOf } from "./runtime.ts";
import {
  connect,
  grpc,
  grpcWeb,
  h2c,
  h3,
  http,
  memory,
  tcp,
  type Transport,
  unix,
  webSocket,
} from "./transports.ts";

/** Every scheme there is. Each transport is loaded only when one of its URLs is called. */
const SCHEMES: Readonly<Record<string, Transport>> = {
  http,
  https: http,
  h2c,
  h3,
  ws: webSocket,
  wss: webSocket,
  "connect+http": connect,
  "connect+https": connect,
  "grpc-web+http": grpcWeb,
  "grpc-web+https": grpcWeb,
  grpc,
  grpcs: grpc,
  tcp,
  tcps: tcp,
  unix,
  memory,
};

/** The schemes that a runtime can call. */
export function schemesOf(scope?: unknown): readonly string[] {
  return Object.keys(SCHEMES).filter((name) => has(SCHEMES[name]!.needs, scope));
}

/**
 * What calls the agent at a URL.
 *
 * @param scope The globals of the runtime.
 * @throws {TypeError} If its scheme is not known, it is not well formed, or it holds a password.
 * @throws {RangeError} If its port is out of bounds, or its path too long for a socket.
 * @throws {AgenkitError} With code `unimplemented`, if the runtime cannot call it.
 */
export function transportOf(url: string, scope?: unknown): Transport {
  const name = /^([a-z][a-z\d+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  const found = name !== undefined && Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
  if (found === undefined) {
    throw new TypeError(
      `Cannot call a remote agent as 'url' must begin with ${
        listed(Object.keys(SCHEMES))
      }: current value is ${describe(shownUrl(url))}`,
    );
  }
  if (!has(found.needs, scope)) {
    const runtime = runtimeOf(scope);
    throw new AgenkitError(
      "unimplemented",
      `Cannot call ${shownUrl(url)} from ${
        runtime === "server" ? "this runtime" : runtime
      }, which has no ${found.needs}: expected ${listed(schemesOf(scope))}`,
    );
  }
  if (found.matches(url)) {
    if (found.headers !== "none") refuseCredentials("call a remote agent", new URL(url));
    return found;
  }
  throw new TypeError(
    `Cannot call a remote agent as 'url' must be like ${found.example}: current value is ${
      describe(shownUrl(url))
    }`,
  );
}

function listed(names: readonly string[]): string {
  return `one of ${names.map((name) => `${name}:`).join(", ")}`;
}
