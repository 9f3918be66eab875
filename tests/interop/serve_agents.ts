/**
 * Serves the agents of these tests in a process of its own, on Deno, Node and
 * Bun alike, in the manner of the other peers.
 *
 *     serve_agents.ts [--port N] [--exit-with-stdin] [--cert FILE --key FILE [--http3]]
 *                     [--grpc-shared]
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { serve } from "../../src/serve/mod.ts";
import { peerAgent, unaryAgent } from "./agents.ts";

const args = process.argv.slice(2);
const valueOf = (option: string) =>
  args.includes(option) ? args[args.indexOf(option) + 1] : undefined;
const [cert, key] = [valueOf("--cert"), valueOf("--key")];

const server = await serve([peerAgent(), unaryAgent()], {
  port: Number(valueOf("--port") ?? 0),
  hostname: "127.0.0.1",
  ...(cert === undefined || key === undefined
    ? undefined
    : { tls: { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") } }),
  http3: args.includes("--http3"),
  ...(args.includes("--grpc-shared") ? { grpc: "shared" } : undefined),
});
console.log(`READY ${new URL(server.url).port}`);

process.on("SIGTERM", () => server.drain().then(() => process.exit(0)));

if (args.includes("--exit-with-stdin")) {
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}
