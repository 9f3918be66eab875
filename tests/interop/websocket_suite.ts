/**
 * Servers of WebSockets, ours and the peers'.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { type ServerPeer, startServer } from "./peers.ts";
import { goServer, ourServer } from "./suite.ts";

/** A server of the published Python agenkit. */
export async function pythonWebSocketServer(python: string): Promise<ServerPeer> {
  const script = fileURLToPath(new URL("python/local_server.py", import.meta.url));
  const peer = await startServer(python, [script, "--listen", "ws://127.0.0.1:0"]);
  return { ...peer, url: `ws://127.0.0.1:${peer.port}` };
}

/** The Go stand-in as a server: it serves WebSockets at `/ws` alone. */
export async function goWebSocketServer(peer: string, ...args: string[]): Promise<ServerPeer> {
  const server = await goServer(peer, ...args);
  return { ...server, url: `ws://127.0.0.1:${server.port}` };
}

/**
 * Our own server, on the runtime whose program is given; Deno's is at hand.
 *
 * @param path Where it is called: Go's clients say `/ws`, Python's nothing.
 */
export async function ourWebSocketServer(
  path: string,
  runtime: string,
  program: string = Deno.execPath(),
): Promise<ServerPeer> {
  const server = await ourServer(runtime, program);
  return { ...server, url: `ws://127.0.0.1:${server.port}${path}` };
}
