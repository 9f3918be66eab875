// Runs on Node (miniflare does): bundles test files, runs them in workerd and
// writes a JUnit report. Started by `../workerd.ts` with a job in AGENKIT_TEST_JOB.
import { writeFileSync } from "node:fs";
import { createRequire, SourceMap } from "node:module";
import process from "node:process";
import type { Case } from "../junit.ts";
import { formatJunit } from "../junit.ts";
import type { Esbuild } from "../toolchain.ts";
import type { WorkerResult } from "./shim.ts";

/** What the host is told. Paths are absolute, `files` and `entries` relative. */
export interface HostJob {
  readonly root: string;
  readonly modules: string;
  readonly files: readonly string[];
  readonly report: string;
  readonly testTimeoutMs: number;
  readonly aliases: Readonly<Record<string, string>>;
  /** Modules that must load where a Worker refuses timers, random and fetch. */
  readonly entries: readonly string[];
}

interface Miniflare {
  readonly ready: Promise<URL>;
  dispatchFetch(url: string, init?: { signal?: AbortSignal }): Promise<Response>;
  dispose(): Promise<void>;
}

const COMPATIBILITY_DATE = "2026-04-01";

const job = JSON.parse(process.env["AGENKIT_TEST_JOB"] ?? "null") as HostJob;
const require = createRequire(`${job.modules}/`);
const esbuild = require("esbuild") as Esbuild;
const { Miniflare } = require("miniflare") as {
  Miniflare: new (options: Record<string, unknown>) => Miniflare;
};
const SHIM = new URL("./shim.ts", import.meta.url).pathname;

interface Bundle {
  readonly code: string;
  readonly map: SourceMap;
}

/** The Worker's own module: one request runs one file. */
function workerSource(files: readonly string[], entries: readonly string[]): string {
  const imports = entries.map((path) => `import ${JSON.stringify(`./${path}`)};`);
  const loaders = files.map((path) => {
    const text = JSON.stringify(path);
    return `  ${text}: () => import(${JSON.stringify(`./${path}`)}),`;
  });
  return `${imports.join("\n")}
import { runFile } from ${JSON.stringify(SHIM)};
const files = {
${loaders.join("\n")}
};
export default {
  async fetch(request) {
    const file = new URL(request.url).searchParams.get("file");
    if (file === null) return new Response("loaded");
    return Response.json(await runFile(files[file], ${job.testTimeoutMs}));
  },
};
`;
}

async function bundle(files: readonly string[], entries: readonly string[]): Promise<Bundle> {
  const built = await esbuild.build({
    stdin: {
      contents: workerSource(files, entries),
      resolveDir: job.root,
      sourcefile: "worker.js",
    },
    bundle: true,
    write: false,
    format: "esm",
    target: "esnext",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: ["workerd", "worker", "browser"],
    alias: { "node:test": SHIM, ...job.aliases },
    external: ["node:*", "cloudflare:*"],
    sourcemap: "external",
    outfile: "worker.js",
    logLevel: "silent",
  });
  const text = (end: string) =>
    built.outputFiles.find((file) => file.path.endsWith(end))?.text ?? "";
  return { code: text(".js"), map: new SourceMap(JSON.parse(text(".map"))) };
}

async function start(code: string): Promise<Miniflare> {
  const worker = new Miniflare({
    modules: [{ type: "ESModule", path: "worker.js", contents: code }],
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["nodejs_compat"],
  });
  await worker.ready;
  const answer = await worker.dispatchFetch("http://worker.test/");
  if (!answer.ok) throw new Error(await answer.text());
  return worker;
}

/** Bundle positions in a stack become positions in the sources. */
function withSources(message: string, map: SourceMap): string {
  return message.replace(/(?:file:\/\/\/)?worker\.js:(\d+):(\d+)/g, (all, line, column) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    return "originalSource" in entry
      ? `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      : all;
  });
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);

const cases: Case[] = [];
function report(result: Case): void {
  cases.push(result);
  const reason = result.message === "" ? "" : `\n    ${result.message.replaceAll("\n", "\n    ")}`;
  console.log(`${result.status} ${result.file}: ${result.name}${reason}`);
}

/** The files that bundle, each of the others reported with the reason. */
async function bundleable(): Promise<string[]> {
  const good: string[] = [];
  for (const file of job.files) {
    try {
      await bundle([file], []);
      good.push(file);
    } catch (error) {
      report({ file, name: "(bundling the file)", status: "failed", message: messageOf(error) });
    }
  }
  return good;
}

/** Loading the package may start nothing: checked where the platform refuses it. */
async function checkModuleScope(): Promise<void> {
  for (const file of job.entries) {
    const name = "loads where timers, random and fetch are refused";
    try {
      const { code } = await bundle([], [file]);
      await (await start(code)).dispose();
      report({ file, name, status: "passed", message: "" });
    } catch (error) {
      report({ file, name, status: "failed", message: messageOf(error) });
    }
  }
}

async function runFiles(files: readonly string[]): Promise<void> {
  const { code, map } = await bundle(files, []);
  let worker: Miniflare | undefined;
  for (const file of files) {
    worker ??= await start(code);
    try {
      const url = `http://worker.test/?file=${encodeURIComponent(file)}`;
      const signal = AbortSignal.timeout(job.testTimeoutMs * 2);
      const answer = await worker.dispatchFetch(url, { signal });
      if (!answer.ok) throw new Error(await answer.text());
      for (const result of await answer.json() as WorkerResult[]) {
        report({ file, ...result, message: withSources(result.message, map) });
      }
    } catch (error) {
      const message = withSources(messageOf(error), map);
      report({ file, name: "(running the file)", status: "failed", message });
      // Whatever state it is in, the next file gets a Worker of its own.
      await worker.dispose();
      worker = undefined;
    }
  }
  await worker?.dispose();
}

let files: readonly string[] = job.files;
try {
  await bundle(files, []);
} catch {
  files = await bundleable();
}
await checkModuleScope();
if (files.length > 0) await runFiles(files);
writeFileSync(job.report, formatJunit(cases));
await esbuild.stop();
process.exit(cases.every((result) => result.status !== "failed") ? 0 : 1);
