import { chmod } from "node:fs/promises";
import type { Server } from "node:net";
import { AgenkitError } from "../../core/errors.ts";
import { addressUrl, type SocketAddress } from "./address.ts";
import { preparePath } from "./unix_path.ts";

/**
 * Lets a server listen at an address.
 *
 * @param mode Who may connect to a Unix socket, as permissions of its file.
 * @returns Where clients on this machine find it.
 * @throws {AgenkitError} `unavailable` if the address cannot be had, `already_exists` if another
 * server listens at that path or it is no socket. The server is closed then.
 */
export async function listen(
  server: Server,
  address: SocketAddress,
  mode: number,
): Promise<string> {
  try {
    if (address.kind === "unix") await preparePath(address.path);
    await listening(server, address);
    // The runtimes remove the socket as soon as nobody listens there any more.
    if (address.kind === "unix") await chmod(address.path, mode);
  } catch (cause) {
    server.close();
    if (cause instanceof AgenkitError) throw cause;
    throw new AgenkitError(
      "unavailable",
      `Cannot listen at ${addressUrl(address)}: ${(cause as Error).message}`,
      { cause },
    );
  }
  if (address.kind === "unix") return addressUrl(address);
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return addressUrl({ ...address, host: reachable(address.host), port });
}

function listening(server: Server, address: SocketAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const done = () => {
      server.off("error", reject);
      // What goes wrong with accepting one connection is not to end the others.
      server.on("error", () => {});
      resolve();
    };
    if (address.kind === "unix") server.listen(address.path, done);
    else server.listen(address.port, address.host, done);
  });
}

/** An address that clients on this machine can use for one that means all of them. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
