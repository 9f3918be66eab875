/**
 * Measures what idle connections cost their server: each has made a call and
 * stays. Both sides are processes of their own.
 *
 * @module
 */
import { isWanted } from "./suite.ts";

const COUNT = 10_000;
/** How many files a process may have open is too little for this by default. */
const FILES = COUNT + 1000;

/** Starts one side; its lines, and a way to say something to it. */
function start(script: string, ...args: string[]) {
  const command = `ulimit -n ${FILES} && exec "$@"`;
  const child = new Deno.Command("sh", {
    args: ["-c", command, "sh", Deno.execPath(), "run", "-A", "--v8-flags=--expose-gc", script]
      .concat(args),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const input = child.stdin.getWriter();
  return {
    async line(): Promise<string> {
      const { value } = await lines.read();
      if (value === undefined) throw new Error(`${script} ${args.join(" ")} ended`);
      return value.trim();
    },
    say: () => input.write(new TextEncoder().encode("\n")),
    async stop(): Promise<void> {
      await input.close();
      await child.status;
    },
  };
}

/**
 * Measures the memory of a server with 10,000 idle connections, if the group is wanted.
 *
 * @param script Plays both sides: `server` prints its URL, and its memory for each line that it
 * reads; `client <url> <count>` connects, prints a line, and holds on until its input ends.
 */
export async function measureIdle(group: string, script: string): Promise<void> {
  if (!isWanted(group)) return;
  const server = start(script, "server");
  const url = await server.line();
  const memory = async () => {
    await server.say();
    return Number(await server.line());
  };
  const before = await memory();
  const client = start(script, "client", url, String(COUNT));
  await client.line();
  const after = await memory();
  await client.stop();
  await server.stop();
  console.log(JSON.stringify({
    group,
    rows: {
      "1 GiB": 2 ** 30,
      server: after,
      "one connection": Math.round((after - before) / COUNT),
    },
  }));
}
