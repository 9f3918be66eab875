/**
 * Measures what idle connections cost their server: each has made a call and
 * stays. Both sides are processes of their own.
 *
 * @module
 */

import { isWanted } from "./lib/suite.ts";

const GROUP = "socket/memory of 10,000 idle connections";
const COUNT = 10_000;
const SCRIPT = new URL("lib/idle_sockets.ts", import.meta.url).pathname;
/** How many files a process may have open is too little for this by default. */
const FILES = COUNT + 1000;

/** Starts one side; its lines, and a way to say something to it. */
function start(...args: string[]) {
  const command = `ulimit -n ${FILES} && exec "$@"`;
  const child = new Deno.Command("sh", {
    args: ["-c", command, "sh", Deno.execPath(), "run", "-A", "--v8-flags=--expose-gc", SCRIPT]
      .concat(args),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  return {
    async line(): Promise<string> {
      const { value } = await lines.read();
      if (value === undefined) throw new Error(`${SCRIPT} ${args.join(" ")} ended`);
      return value.trim();
    },
    say: () => input.write(new TextEncoder().encode("\n")),
    async stop(): Promise<void> {
      await input.close();
      await child.status;
    },
  };
}

if (isWanted(GROUP)) await measure();

async function measure(): Promise<void> {
  const server = start("server");
  const url = await server.line();
  const memory = async () => {
    await server.say();
    return Number(await server.line());
  };
  const before = await memory();
  const client = start("client", url, String(COUNT));
  await client.line();
  const after = await memory();
  await client.stop();
  await server.stop();
  console.log(JSON.stringify({
    group: GROUP,
    rows: {
      "1 GiB": 2 ** 30,
      server: after,
      "one connection": Math.round((after - before) / COUNT),
    },
  }));
}
