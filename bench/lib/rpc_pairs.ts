/**
 * Servers and clients in other languages, in a process of their own: it reads
 * what to do, a line each, and answers with a line when that is done.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { installToolchain } from "../../tests/runtimes/toolchain.ts";
import { certificateFiles } from "../../tests/support/certificates.ts";
import { goRpcPeer, pythonWithAgenkit, type Toolchain } from "../../tests/interop/toolchain.ts";

/** A server and a client that call each other when told. */
export interface Pair {
  readonly name: string;
  /** So many unary calls, with 100 B if it is not said. */
  unary(calls: number, atOnce: number, size?: number): Promise<void>;
  /** So many streams with 5 KB in so many chunks; only the first of them is read if `first`. */
  stream(calls: number, chunks: number, first?: boolean): Promise<void>;
}

/** grpc-go, without agenkit. */
export function goPair(): Promise<Pair | undefined> {
  return start("grpc-go", goRpcPeer(), ["rpc-bench"]);
}

/** The published Python agenkit. */
export function pythonPair(): Promise<Pair | undefined> {
  const script = fileURLToPath(new URL("../peers/rpc_bench.py", import.meta.url));
  return start("agenkit for Python", pythonWithAgenkit(), ["-u", script]);
}

/** Our client and our server over HTTP/3 on Bun, which alone has it. */
export async function http3Pair(): Promise<Pair | undefined> {
  const modules = await installToolchain(fileURLToPath(new URL("../../", import.meta.url)));
  const [path] = typeof modules === "string" ? bunPrograms(modules) : [];
  const files = await certificateFiles();
  // Only its start reads them.
  const env = {
    NODE_EXTRA_CA_CERTS: files.ca,
    AGENKIT_BENCH_CERT: files.cert,
    AGENKIT_BENCH_KEY: files.key,
  };
  const script = fileURLToPath(new URL("../peers/http3_bench.ts", import.meta.url));
  const toolchain = path === undefined ? { missing: "no Bun" } : { path };
  const pair = await start("HTTP/3, on Bun", Promise.resolve(toolchain), [script], env);
  await files[Symbol.asyncDispose]();
  return pair;
}

function bunPrograms(modules: string): string[] {
  return [...Deno.readDirSync(`${modules}/@oven`)].map(({ name }) =>
    `${modules}/@oven/${name}/bin/bun`
  );
}

async function start(
  name: string,
  toolchain: Promise<Toolchain>,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Pair | undefined> {
  const found = await toolchain;
  if ("missing" in found) {
    console.error(`without ${name}: ${found.missing}`);
    return undefined;
  }
  const child = new Deno.Command(found.path, {
    args: [...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  child.unref();
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const line = async () => {
    let text = "";
    while (!text.endsWith("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`${name} has ended`);
      text += value;
    }
    return text.trim();
  };
  const ask = async (...words: readonly (string | number)[]) => {
    await writer.write(encoder.encode(words.join(" ") + "\n"));
    const said = await line();
    if (said !== "done") throw new Error(`${name}: ${said}`);
  };
  if (await line() !== "READY 0") throw new Error(`${name} did not start`);
  return {
    name,
    unary: (calls, atOnce, size = 100) =>
      ask("unary", calls, atOnce, ...(size === 100 ? [] : [size])),
    stream: (calls, chunks, first) => ask(first ? "first" : "stream", calls, chunks),
  };
}
