/**
 * Measures what stays in memory after many calls over HTTP, client and server
 * together. `deno task bench` judges the growth by `budget.json`.
 *
 * @module
 */
import { agent, message, text } from "../mod.ts";
import { serve } from "../src/serve/mod.ts";
import { httpAgent } from "../src/transport/http/mod.ts";
import { isWanted } from "./lib/suite.ts";

const AT_ONCE = 50;
const question = message("user", "x".repeat(100));

const echo = agent({
  name: "echo",
  process: (m) => text(m),
  async *stream(m) {
    for (;;) yield text(m);
  },
});

/** What is reachable, in bytes. */
async function used(): Promise<number> {
  // What a finished call leaves to the event loop is to be over.
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (let i = 0; i < 3; i++) (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

async function repeat(times: number, call: () => Promise<unknown>): Promise<void> {
  let left = times;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) await call();
  }));
}

async function grow(name: string, calls: number, call: () => Promise<unknown>): Promise<void> {
  const group = `http/memory, ${name}`;
  if (!isWanted(group)) return;
  const few = calls / 10;
  await repeat(few, call);
  const before = await used();
  await repeat(calls - few, call);
  const after = await used();
  const label = (count: number) => `after ${count.toLocaleString("en")} calls`;
  console.log(JSON.stringify({ group, rows: { [label(few)]: before, [label(calls)]: after } }));
}

const server = await serve(echo, { port: 0 });
const remote = httpAgent(server.url);
await grow("unary", 100_000, () => remote.process(question));
await grow("streams that are left", 10_000, async () => {
  for await (const _ of remote.stream(question)) break;
});
await server.close();
