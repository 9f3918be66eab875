/**
 * Serves the agents of these tests over gRPC in a process of its own, on Deno,
 * Node and Bun alike, in the manner of the other peers.
 *
 *     grpc_serve_agents.ts [--port N] [--exit-with-stdin]
 *                          [--cert FILE --key FILE [--client-ca FILE]]
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { serveGrpc } from "../../src/transport/grpc/mod.ts";
import { peerAgent, unaryAgent } from "./agents.ts";

const args = process.argv.slice(2);
const valueOf = (option: string) =>
  args.includes(option) ? args[args.indexOf(option) + 1] : undefined;
const pemOf = (option: string) => {
  const file = valueOf(option);
  return file === undefined ? undefined : readFileSync(file, "utf8");
};
const [cert, key] = [pemOf("--cert"), pemOf("--key")];

const server = await serveGrpc([peerAgent(), unaryAgent()], {
  port: Number(valueOf("--port") ?? 0),
  ...(cert === undefined || key === undefined
    ? undefined
    : { tls: { cert, key, ca: pemOf("--client-ca") } }),
});
console.log(`READY ${server.port}`);

process.on("SIGTERM", () => server.drain().then(() => process.exit(0)));

if (args.includes("--exit-with-stdin")) {
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}
