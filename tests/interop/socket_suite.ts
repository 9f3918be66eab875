/**
 * Servers at TCP and Unix sockets, ours and the peers'.
 *
 * @module
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ServerPeer, startServer } from "./peers.ts";

/** The transports that these tests are run over. */
export const SOCKETS = ["tcp", "unix"] as const;

/** One of {@linkcode SOCKETS}. */
export type SocketKind = (typeof SOCKETS)[number];

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A server of the published Python agenkit. */
export function pythonSocketServer(python: string, kind: SocketKind): Promise<ServerPeer> {
  return started(kind, python, [here("python/local_server.py")], "--listen");
}

/** The Go stand-in as a server. */
export function goSocketServer(
  peer: string,
  kind: SocketKind,
  ...args: string[]
): Promise<ServerPeer> {
  return started(kind, peer, ["server", ...args], "-listen");
}

/** Our own server, on the runtime whose program is given; Deno's is at hand. */
export function ourSocketServer(
  kind: SocketKind,
  runtime: string,
  program: string = Deno.execPath(),
): Promise<ServerPeer> {
  const script = here("socket_serve_agents.ts");
  const args = runtime === "Deno" ? ["run", "-A", script] : [script];
  return started(kind, program, args, "--listen");
}

/** Starts a server, at a port of the system's choice or at a path that is removed in the end. */
async function started(
  kind: SocketKind,
  program: string,
  args: readonly string[],
  option: string,
): Promise<ServerPeer> {
  if (kind === "tcp") {
    const peer = await startServer(program, [...args, option, "tcp://127.0.0.1:0"]);
    return { ...peer, url: `tcp://127.0.0.1:${peer.port}` };
  }
  const folder = await Deno.makeTempDir({ dir: tmpdir(), prefix: "agenkit-interop-" });
  const url = `unix://${join(folder, "peer.sock")}`;
  const peer = await startServer(program, [...args, option, url]);
  const stop = async () => {
    await peer.stop();
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  };
  return { ...peer, url, [Symbol.asyncDispose]: stop };
}
