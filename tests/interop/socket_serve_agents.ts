/**
 * Serves the agents of these tests at a TCP or Unix socket, in a process of
 * its own, on Deno, Node and Bun alike, in the manner of the other peers.
 *
 *     socket_serve_agents.ts --listen tcp://127.0.0.1:0|unix:///path [--port N] [--exit-with-stdin]
 *
 * @module
 */
import process from "node:process";
import { serveSocket } from "../../src/transport/socket/mod.ts";
import { peerAgent, unaryAgent } from "./agents.ts";

const args = process.argv.slice(2);
const valueOf = (option: string) =>
  args.includes(option) ? args[args.indexOf(option) + 1] : undefined;

const listen = valueOf("--listen")!;
const port = valueOf("--port") ?? "0";
const isTcp = listen.startsWith("tcp:");
const server = await serveSocket(
  [peerAgent(), unaryAgent()],
  isTcp ? listen.replace(/\d+$/, port) : listen,
);
console.log(`READY ${isTcp ? new URL(server.url).port : 0}`);

process.on("SIGTERM", () => server.drain().then(() => process.exit(0)));

if (args.includes("--exit-with-stdin")) {
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}
