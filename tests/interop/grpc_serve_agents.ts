/**
 * Serves the agents of these tests over gRPC in a process of its own, on Deno,
 * Node and Bun alike, in the manner of the other peers.
 *
 *     grpc_serve_agents.ts [--port N] [--exit-with-stdin]
 *
 * @module
 */
import process from "node:process";
import { serveGrpc } from "../../src/transport/grpc/mod.ts";
import { peerAgent, unaryAgent } from "./agents.ts";

const args = process.argv.slice(2);
const port = args.includes("--port") ? Number(args[args.indexOf("--port") + 1]) : 0;

const server = await serveGrpc([peerAgent(), unaryAgent()], { port });
console.log(`READY ${server.port}`);

process.on("SIGTERM", () => server.drain().then(() => process.exit(0)));

if (args.includes("--exit-with-stdin")) {
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}
