import assert from "node:assert/strict";
import { test } from "node:test";
import { aliases, lazyExports, readConfig, webSafeExports } from "../runtimes/exports.ts";
import { parseJunit } from "../runtimes/junit.ts";
import { runProcess } from "../runtimes/process.ts";
import { isMissing } from "../runtimes/runtime.ts";
import { type EsbuildResult, loadEsbuild } from "../runtimes/toolchain.ts";
import { findWorkerHost } from "../runtimes/workerd.ts";
import { root } from "./graph.ts";
import { ROOT_BUDGET } from "./rules.ts";
import { keep } from "./source.ts";

const config = await readConfig(root);
const webSafe = webSafeExports(config);
const esbuild = await loadEsbuild(root);
const skip = isMissing(esbuild) && Deno.env.get("CI") !== "true" && esbuild.missing;

async function bundle(
  entry: string,
  minify: boolean,
  options: Record<string, unknown> = {},
): Promise<EsbuildResult> {
  if (isMissing(esbuild)) throw new Error(esbuild.missing);
  return await esbuild.build({
    entryPoints: [`${root}/${entry}`],
    bundle: true,
    write: false,
    minify,
    metafile: true,
    format: "esm",
    target: "esnext",
    platform: "neutral",
    mainFields: ["module", "main"],
    alias: aliases(config, root),
    legalComments: "none",
    logLevel: "silent",
    absWorkingDir: root,
    ...options,
  });
}

for (const [name, entry] of webSafe) {
  test(`bundle of "${name}": neutral, without node: and without Deno`, { skip }, async () => {
    const { outputFiles, metafile } = await bundle(entry, false);
    const outside = Object.values(metafile?.outputs ?? {}).flatMap((output) => output.imports);
    assert.deepEqual(outside.map((one) => one.path), [], "imports left in the bundle");
    const text = outputFiles[0]?.text ?? "";
    assert.ok(text.length > 0, "the bundle is empty");
    // A library may ask whether there is a Deno; what matters is that none is needed.
    const natives = keep(text, "code").split("\n").filter((line) =>
      /(?<!!!globalThis\.)\bDeno\b/.test(line)
    );
    assert.deepEqual(natives, [], "lines that use Deno");
    assert.doesNotMatch(keep(text, "code", "text"), /["'`]node:/);
  });
}

for (const [name, entry] of lazyExports(config)) {
  test(`bundle of "${name}": what it loads at once is without node: and without Deno`, {
    skip,
  }, async () => {
    // What a bundler for the web is told: to leave alone what only other runtimes have.
    const { outputFiles, metafile } = await bundle(entry, false, {
      splitting: true,
      outdir: ".cache/bundle",
      external: ["node:*", "@connectrpc/*"],
    });
    const outputs = metafile?.outputs ?? {};
    const first = Object.keys(outputs).find((path) => outputs[path]?.entryPoint === entry);
    const atOnce = new Set([first ?? assert.fail("there is no output for the entry")]);
    for (const path of atOnce) {
      for (const { path: target, kind } of outputs[path]?.imports ?? []) {
        if (kind === "import-statement") atOnce.add(target);
      }
    }
    assert.deepEqual([...atOnce].filter((path) => !(path in outputs)), [], "loaded at once");
    const native = outputFiles.filter(({ path }) => atOnce.has(path.slice(root.length + 1)))
      .flatMap(({ text }) => keep(text, "code").split("\n"))
      .filter((line) => /\bDeno\b/.test(line));
    assert.deepEqual(native, [], "lines that use Deno");
  });
}

test(`bundle of ".": minified and gzipped it fits the budget`, { skip }, async () => {
  const { outputFiles } = await bundle(webSafe.get(".") ?? "mod.ts", true);
  const zipped = new Blob([outputFiles[0]?.text ?? ""]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  const size = (await new Response(zipped).bytes()).length;
  console.log(`root export: ${size} bytes minified and gzipped, budget ${ROOT_BUDGET}`);
  assert.ok(size <= ROOT_BUDGET, `${size} bytes is more than the budget of ${ROOT_BUDGET}`);
});

test("web-safe exports: load in workerd, which refuses timers, random and fetch at import", {
  skip,
}, async () => {
  const host = await findWorkerHost(root);
  if (isMissing(host)) throw new Error(host.missing);
  const report = `${root}/.cache/test/module_scope.xml`;
  await Deno.mkdir(`${root}/.cache/test`, { recursive: true });
  const entries = [...webSafe.values(), ...lazyExports(config).values()];
  const job = { files: [], entries, report, testTimeoutMs: 60_000 };
  const ended = await runProcess(host.command(job), { cwd: root, timeoutMs: 180_000 });
  assert.equal(ended.code, 0, ended.output);
  const loaded = parseJunit(await Deno.readTextFile(report), root);
  assert.deepEqual(loaded.map((one) => one.file), entries);
});

test("bundler: is stopped", { skip }, async () => {
  if (!isMissing(esbuild)) await esbuild.stop();
});
