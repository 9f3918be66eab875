import { AgenkitError } from "../core/errors.ts";
import { checkNumber } from "../core/options.ts";
import type { Agents } from "../transport/directory.ts";
import type { SocketServer, SocketServerOptions } from "../transport/socket/server.ts";
import type { ServeOptions, TcpListenOptions, UnixListenOptions } from "./options.ts";

/** Starts the TCP listener of a server; with TLS, if its HTTP one has it. */
export async function listenTcp(
  agents: Agents,
  options: ServeOptions,
  where: TcpListenOptions | number,
): Promise<SocketServer> {
  const { port, hostname = options.hostname ?? "127.0.0.1", ...limits } = typeof where === "number"
    ? { port: where }
    : where;
  checkNumber("serve", "tcp.port", port, { min: 0, max: 65_535, integer: true });
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const url = `${options.tls === undefined ? "tcp" : "tcps"}://${host}:${port}`;
  return await listen(agents, url, { ...shared(options), tls: options.tls, ...limits });
}

/** Starts the Unix listener of a server. */
export async function listenUnix(
  agents: Agents,
  options: ServeOptions,
  where: UnixListenOptions | string,
): Promise<SocketServer> {
  const { path, ...limits } = typeof where === "string" ? { path: where } : where;
  return await listen(agents, `unix://${path}`, { ...shared(options), ...limits });
}

/** What holds for every listener. When to drain is for the server as a whole to say. */
function shared(options: ServeOptions): SocketServerOptions {
  const { signal: _, tls: __, ...rest } = options;
  return rest;
}

async function listen(agents: Agents, url: string, options: SocketServerOptions) {
  const { serveSocket } = await loaded();
  return await serveSocket(agents, url, options);
}

async function loaded() {
  try {
    return await import("../transport/socket/server.ts");
  } catch (cause) {
    throw new AgenkitError(
      "unimplemented",
      "Cannot serve at a socket: this runtime has no node:net",
      {
        cause,
      },
    );
  }
}
