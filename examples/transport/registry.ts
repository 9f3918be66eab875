/**
 * A registry: agents are called by name, wherever they are; calls are spread
 * over several of them, go round one that fails, and survive the registry itself.
 *
 * Several processes share a registry when its store is in Redis: give the
 * server's URL as an argument.
 *
 * Runs on Deno, and on Node and Bun where "@agenkit/agenkit" is installed.
 */
import process from "node:process";
import { agent, delay, message, text } from "@agenkit/agenkit";
import {
  type AgentRegistry,
  agentRegistry,
  announce,
  leastInFlight,
  memoryStore,
  type RegistryStore,
  roundRobin,
} from "@agenkit/agenkit/registry";
import { type AgentServer, serve } from "@agenkit/agenkit/serve";

const question = message("user", "Who are you?");

/** Serves an agent and keeps it registered until its server drains. */
async function start(registry: AgentRegistry, name: string, who: string, workMs = 0) {
  const worker = agent(name, async () => {
    await delay(workMs);
    return who;
  });
  const server = await serve(worker, { port: 0 });
  await announce(registry, { name, endpoint: server.url, metadata: { who } }, {
    server,
    drainDelayMs: 20,
  });
  return server;
}

async function stop(...servers: AgentServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.drain()));
}

/** The store in Redis where there is one, else in memory. */
async function openStore(): Promise<RegistryStore> {
  const [url] = process.argv.slice(2);
  if (url === undefined) return memoryStore();
  const { redisStore } = await import("@agenkit/agenkit/registry/redis");
  return redisStore({ url, prefix: "agenkit-example" });
}

const store = await openStore();

console.log("1. By name: who comes is called, who leaves is not, and says so first");
{
  await using registry = agentRegistry({ store });
  const writer = registry.agent("writer", { balance: roundRobin() });
  const ask = async () => text(await writer.process(question));
  await writer.process(question).catch((error) => console.log(`  ${error.code}: ${error.message}`));
  const ann = await start(registry, "writer", "ann");
  console.log(`  one is there: ${await ask()}, ${await ask()}`);
  const bob = await start(registry, "writer", "bob");
  console.log(`  two are there: ${[await ask(), await ask()].sort().join(", ")}`);
  await ann.drain();
  console.log(`  one has drained: ${await ask()}, ${await ask()}`);
  await stop(bob);
}

console.log("\n2. Balance: one of three is slow, and gets less to do");
{
  await using registry = agentRegistry({ store });
  const servers = await Promise.all([
    start(registry, "worker", "fast", 5),
    start(registry, "worker", "faster", 2),
    start(registry, "worker", "slow", 60),
  ]);
  const worker = registry.agent("worker", { balance: leastInFlight() });
  const counts = new Map<string, number>();
  const until = performance.now() + 300;
  const askOn = async () => {
    while (performance.now() < until) {
      const who = text(await worker.process(question));
      counts.set(who, (counts.get(who) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 6 }, askOn));
  const ranking = [...counts].sort(([, a], [, b]) => b - a).map(([who]) => who);
  console.log(`  most to least calls: ${ranking.join(", ")}`);
  await stop(...servers);
}

console.log("\n3. A crash: calls go elsewhere, and the endpoint is left alone for a while");
{
  await using registry = agentRegistry({ store });
  const [ann, bob] = await Promise.all([
    start(registry, "writer", "ann"),
    start(registry, "writer", "bob"),
  ]);
  let failovers = 0;
  const writer = registry.agent("writer", {
    balance: roundRobin(),
    failover: "unavailable",
    ejectAfter: 2,
    onFailover: () => failovers++,
  });
  await writer.process(question);
  await bob.close();
  // A crash tells nobody: bob would stay registered until its heartbeats are missed.
  await registry.register({ name: "writer", instance: bob.url, endpoint: bob.url });
  const answers = [];
  for (let i = 0; i < 12; i++) answers.push(text(await writer.process(question)));
  console.log(`  12 calls, all answered by: ${[...new Set(answers)].join(", ")}`);
  console.log(`  went on elsewhere: ${failovers} times`);
  for (const { registration, state } of writer.endpoints) {
    console.log(`  ${registration.endpoint === ann.url ? "ann" : "bob"} is ${state}`);
  }
  await registry.unregister({ name: "writer", instance: bob.url });
  await stop(ann);
}

console.log("\n4. Signs of life: an agent that gives none is gone, and who listens hears of it");
{
  await using registry = agentRegistry({ store, heartbeatTimeoutMs: 150 });
  await registry.register({ name: "silent", endpoint: "http://127.0.0.1:1" });
  const beating = setInterval(() => registry.heartbeat("lively").catch(() => {}), 40);
  await registry.register({ name: "lively", endpoint: "http://127.0.0.1:2" });
  for await (const event of registry.events()) {
    if (!("registration" in event)) continue;
    console.log(`  ${event.type}: ${event.registration.name}`);
    if (event.type === "expired") break;
  }
  console.log(`  still there: ${(await registry.list()).map(({ name }) => name).join(", ")}`);
  clearInterval(beating);
  await registry.unregister("lively");
}

console.log("\n5. The registry itself is down: calls go on with what was known last");
{
  let down = false;
  const fail = () => Promise.reject(new Error("no connection"));
  const flaky: RegistryStore = {
    put: (registration) => down ? fail() : store.put(registration),
    touch: (key, ms) => down ? fail() : store.touch(key, ms),
    remove: (key) => down ? fail() : store.remove(key),
    list: (name) => down ? fail() : store.list(name),
    prune: () => down ? fail() : store.prune(),
    watch: (listener) => down ? fail() : store.watch(listener),
  };
  await using registry = agentRegistry({ store: flaky });
  const server = await start(registry, "writer", "ann");
  const writer = registry.agent("writer");
  await writer.process(question);
  down = true;
  await registry.list().catch((error) => console.log(`  ${error.code}: ${error.message}`));
  console.log(`  a call all the same: ${text(await writer.process(question))}`);
  down = false;
  await stop(server);
}
await store.close?.();
