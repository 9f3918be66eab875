import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { agent, delay } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";

const LENGTH = 3_000_000;

const large = agent({
  name: "large",
  process: () => "x".repeat(LENGTH),
  async *stream() {
    for (;;) yield "y".repeat(1000);
  },
});

/** Runs the command line as a program of its own, whose output goes into pipes. */
function call(url: string, ...options: string[]): ChildProcess {
  const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
  const runtime = (globalThis as { Deno?: unknown }).Deno === undefined
    ? []
    : ["run", "-A", "--quiet"];
  const args = [...runtime, main, "call", url, "hi", ...options];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
}

test("agenkit call writes all of an answer into a pipe, however slowly that is read", async () => {
  await using server = await serve(large, { port: 0 });
  const child = call(server.url);
  const ended = once(child, "close");
  let read = 0;
  for await (const chunk of child.stdout!) {
    read += chunk.length;
    await delay(5);
  }
  assert.equal(read, LENGTH + 1);
  assert.equal((await ended)[0], 0);
});

test("agenkit call ends quietly when nobody reads on", async () => {
  await using server = await serve(large, { port: 0 });
  const child = call(server.url, "--stream");
  let said = "";
  child.stderr!.on("data", (part) => said += part);
  const ended = once(child, "close");
  await once(child.stdout!, "data");
  child.stdout!.destroy();
  assert.equal((await ended)[0], 130);
  assert.equal(said, "");
});
