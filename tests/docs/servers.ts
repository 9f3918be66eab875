import { agent, text } from "../../mod.ts";
import { serve } from "../../src/serve/mod.ts";
import { root } from "../architecture/graph.ts";

/** A server that documents are tried against. */
export interface DocServer {
  /** Its port, in place of the one the document names. */
  readonly port: string;
  /** Ends it; resolves to how it ended, `""` when well. */
  stop(): Promise<string>;
}

/** The agent the README calls: it says again what it is told, also as a stream. */
export async function startEcho(): Promise<DocServer> {
  const echo = agent("echo", async function* (m) {
    yield `Echo: ${text(m)}`;
  });
  const server = await serve(echo, { port: 0 });
  return {
    port: new URL(server.url).port,
    stop: () => server.drain().then(() => ""),
  };
}

/** `deno task start` at a free port, until it says where it listens. */
export async function startTask(): Promise<DocServer> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "start", "--port", "0"],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  let port: string | undefined;
  while (port === undefined) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`deno task start ended before it served: ${said}`);
    said += value;
    port = /http:\/\/[\w.]+:(\d+)/.exec(said)?.[1];
  }
  return {
    port,
    async stop() {
      // Only to the task, as a supervisor does: it hands the signal on, and a second one would
      // mean "at once".
      child.kill("SIGTERM");
      while (!(await reader.read()).done);
      const { code } = await child.status;
      return code === 0 ? "" : `deno task start ended with exit code ${code}`;
    },
  };
}

/** Starts something when it is first asked for. */
export function lazily<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => started ??= start();
}
