import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { collect, delay, message, text } from "../../../mod.ts";
import { remoteAgent } from "../../../src/remote/mod.ts";

const root = new URL("../../../", import.meta.url);

/** How this runtime runs a program. */
function command(): string[] {
  const { execPath } = process;
  return (globalThis as { Deno?: unknown }).Deno === undefined
    ? [execPath]
    : [execPath, "run", "-A", "--quiet"];
}

test("agenkit serve, told to stop, lets what runs end on every transport and ends with 0", async () => {
  const folder = await mkdtemp(join(tmpdir(), "agenkit-sigterm-"));
  const module = join(folder, "slow.ts");
  await writeFile(
    module,
    `import process from "node:process";
import { agent } from ${JSON.stringify(new URL("mod.ts", root).href)};
// Nothing ends before the signal has come.
const told = new Promise((resolve) => process.once("SIGTERM", () => setTimeout(resolve, 300)));
export default agent({
  name: "slow",
  async process(m) { console.log("begun"); await told; return "end of " + m.content; },
  async *stream(m) { console.log("begun"); yield "begin"; await told; yield "end of " + m.content; },
});
`,
  );
  const socket = join(folder, "slow.sock");
  const [program = "", ...args] = command();
  const main = fileURLToPath(new URL("src/cli/main.ts", root));
  const child = spawn(program, [
    ...args,
    main,
    "serve",
    pathToFileURL(module).href,
    ...["--port", "0", "--grpc", "0", "--tcp", "0", "--unix", socket],
  ], { cwd: fileURLToPath(root), stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let failed = "";
  const ready = Promise.withResolvers<void>();
  child.stdout.on("data", (part) => {
    said += part;
    if (said.includes("Try:")) ready.resolve();
  });
  child.stderr.on("data", (part) => failed += part);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  void ended.then(() => ready.reject(new Error(`it ended: ${said}${failed}`)));
  try {
    await ready.promise;
    const urls = /^Serving at (.*)$/m.exec(said)![1]!.split(", ");
    const http = urls.find((url) => url.startsWith("http:"))!;
    const remotes = [...urls, `connect+${http}`, `grpc-web+${http}`].map((url) =>
      remoteAgent(url, { timeoutMs: 20_000 })
    );
    const question = message("user", "it");
    const answers = remotes.map((remote) => remote.process(question).then(text));
    const streams = remotes.map(async (remote) =>
      (await collect(remote.stream(question))).map(text)
    );
    const failure = Promise.race([...answers, ...streams]).then(() => "one ended before");
    const calls = 2 * remotes.length;
    while ((said.match(/begun/g) ?? []).length < calls) {
      const early = await Promise.race([failure, delay(10)]);
      assert.equal(early, undefined, said);
    }
    // Not child.kill(): after that Deno reports the signal, however the program ends.
    process.kill(child.pid!, "SIGTERM");
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(["end of it"]));
    for (const chunks of await Promise.all(streams)) {
      assert.deepEqual(chunks, ["begin", "end of it"]);
    }
    assert.equal(await ended, 0, failed);
    assert.match(said, /Draining: waiting for \d+ calls\nStopped\n$/);
    assert.equal(existsSync(socket), false, "the socket's file is left");
    await assert.rejects(collect(remoteAgent(http).stream(question)), { code: "unavailable" });
    await Promise.all(remotes.map((remote) => remote.close()));
  } finally {
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
});
