/**
 * A process that offers an agent and announces it in a registry that others
 * share, on Deno, Node or Bun: `registry_member.ts <redis url> <prefix> <name>`.
 * Says its URL in one line, and drains when its standard input ends.
 */
import process from "node:process";
import { agent, text } from "../../mod.ts";
import { agentRegistry, announce } from "../../src/registry/mod.ts";
import { redisStore } from "../../src/registry/redis/mod.ts";
import { serve } from "../../src/serve/mod.ts";

const [url, prefix, name] = process.argv.slice(2) as [string, string, string];
const store = redisStore({ url, prefix });
const registry = agentRegistry({ store, heartbeatTimeoutMs: 3_000 });
let calls = 0;
const server = await serve(
  agent(name, (m) => `${process.pid} answers call ${++calls}: ${text(m)}`),
  { port: 0 },
);
await announce(registry, { name, endpoint: server.url, metadata: { pid: process.pid } }, {
  server,
  // Time for callers to hear of it, also if they are busy.
  drainDelayMs: 1_500,
});
process.stdout.write(`${server.url}\n`);

process.stdin.resume();
await new Promise((resolve) => process.stdin.once("end", resolve));
await server.drain();
await registry.close();
await store.close();
process.exit(0);
