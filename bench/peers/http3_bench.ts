/**
 * Our server and our client over HTTP/3, in one process of Bun, to be measured:
 * reads lines like `unary 100 1 [size]` (calls, at once), `stream 10 50` (calls,
 * chunks) and `first 10 50`, and answers each with `done`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { message } from "../../mod.ts";
import { serve } from "../../src/serve/mod.ts";
import { http3Agent } from "../../src/transport/http3/mod.ts";
import { echoInChunks, firstChunk } from "../lib/echo.ts";

const read = (name: string) => readFileSync(process.env[name]!, "utf8");
const server = await serve(echoInChunks(50), {
  port: 0,
  http3: true,
  tls: { cert: read("AGENKIT_BENCH_CERT"), key: read("AGENKIT_BENCH_KEY") },
});
const remote = http3Agent(server.url);
const long = message("user", "x".repeat(5_000));

async function repeat(calls: number, call: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < calls; i++) await call();
}

console.log("READY 0");
for await (const line of createInterface({ input: process.stdin })) {
  const [what, calls, more, size = 100] = line.split(" ");
  if (what === "unary") {
    const request = message("user", "x".repeat(Number(size)));
    const each = Math.ceil(Number(calls) / Number(more));
    const lanes = Array.from(
      { length: Number(more) },
      () => repeat(each, () => remote.process(request)),
    );
    await Promise.all(lanes);
  } else if (what === "first") {
    await repeat(Number(calls), () => firstChunk(remote, long));
  } else {
    await repeat(Number(calls), async () => {
      for await (const _ of remote.stream(long));
    });
  }
  console.log("done");
}
process.exit(0);
