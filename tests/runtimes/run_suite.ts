import type { Suite } from "../suites.ts";
import { findBun } from "./bun.ts";
import { exclusionOf } from "./exclusions.ts";
import { expand } from "./files.ts";
import { type Case, parseJunit } from "./junit.ts";
import { findNode } from "./node.ts";
import { type Ended, runProcess } from "./process.ts";
import { isMissing } from "./runtime.ts";

/** A file that has no meaning on the suite's runtime. */
export interface NotApplicable {
  readonly file: string;
  readonly reason: string;
}

/** The files of a suite, parted. */
export interface SuiteFiles {
  readonly run: readonly string[];
  readonly notApplicable: readonly NotApplicable[];
}

/** How a suite ended. */
export interface Outcome {
  readonly suite: string;
  /** Runtime or peer. */
  readonly on: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  readonly note: string;
  readonly failures: readonly Case[];
  readonly skips: readonly Case[];
  readonly notApplicable: readonly NotApplicable[];
  readonly output: string;
}

const TEST_TIMEOUT_MS = 120_000;

/** Which files a suite runs and which have no meaning there. */
export async function filesOf(root: string, suite: Suite): Promise<SuiteFiles> {
  const run: string[] = [];
  const notApplicable: NotApplicable[] = [];
  for (const file of await expand(root, suite.files)) {
    const reason = exclusionOf(file, suite.runtime.name);
    if (reason === undefined) run.push(file);
    else notApplicable.push({ file, reason });
  }
  return { run, notApplicable };
}

/** Runs one suite; `undefined` when it has no file yet. */
export async function runSuite(
  root: string,
  suite: Suite,
  { ci }: { readonly ci: boolean },
): Promise<Outcome | undefined> {
  const files = await filesOf(root, suite);
  if (files.run.length === 0) return undefined;
  const started = performance.now();
  const ready = await suite.runtime.find(root);
  if (isMissing(ready)) {
    const skip: Case = {
      file: "",
      name: "(the whole suite)",
      status: ci ? "failed" : "skipped",
      message: `missing toolchain: ${ready.missing}`,
    };
    return conclude(suite, suite.runtime.name, files, [skip], "", started);
  }
  const report = `${root}/.cache/test/${suite.name.replaceAll(/\W+/g, "_")}.xml`;
  await Deno.mkdir(`${root}/.cache/test`, { recursive: true });
  await Deno.remove(report).catch(() => {});
  const line = ready.command(files.run, { root, report, testTimeoutMs: TEST_TIMEOUT_MS });
  const env = suite.givesRuntimes ? { ...line.env, ...await runtimePaths(root) } : line.env ?? {};
  const ended = await runProcess({ ...line, env }, { cwd: root, timeoutMs: suite.timeoutMs });
  const xml = await Deno.readTextFile(report).catch(() => "");
  const cases = judge(suite, files.run, parseJunit(xml, root), ended);
  return conclude(suite, ready.label, files, cases, ended.output, started);
}

/** Where Node and Bun are, for tests that start programs on them. */
async function runtimePaths(root: string): Promise<Record<string, string>> {
  const [node, bun] = [await findNode(root), await findBun(root)];
  return {
    ...("missing" in node ? {} : { AGENKIT_TEST_NODE: node.path }),
    ...(typeof bun === "string" ? { AGENKIT_TEST_BUN: bun } : {}),
  };
}

/** Adds what the report alone does not say: a crash, a hang, an empty file. */
function judge(
  suite: Suite,
  files: readonly string[],
  reported: readonly Case[],
  ended: Ended,
): Case[] {
  const failure = (file: string, name: string, message: string): Case => ({
    file,
    name,
    status: "failed",
    message,
  });
  // Node reports a file without tests as one passing test named like the file.
  const cases = reported.map((one) =>
    one.status === "passed" && files.some((file) => file.endsWith(one.name))
      ? failure(one.file || one.name, "(the whole file)", "it holds no test")
      : one
  );
  if (ended.startError !== undefined) {
    return [...cases, failure("", "(starting)", ended.startError)];
  }
  if (ended.timedOut) {
    const seconds = suite.timeoutMs / 1000;
    return [...cases, failure("", "(the whole suite)", `killed: no end after ${seconds} s`)];
  }
  // Deno's report leaves out what failed while it was loaded.
  for (const [, file = ""] of ended.output.matchAll(/^(\S.*) \(uncaught error\)$/gm)) {
    const path = file.replace(/^\.\//, "");
    if (!cases.some((one) => one.file === path && one.status === "failed")) {
      cases.push(failure(path, "(loading the file)", "an error outside of any test"));
    }
  }
  const known = cases.some((one) => one.status === "failed");
  if (ended.code !== 0 && !known) {
    const how = ended.signal ? `signal ${ended.signal}` : `exit code ${ended.code}`;
    const error = /^error:.*/m.exec(ended.output)?.[0] ?? "";
    const message = `ended with ${how} though no test failed; ${error}`;
    cases.push(failure("", "(the whole suite)", message));
  } else if (cases.length === 0) {
    cases.push(failure("", "(the whole suite)", "no test ran"));
  }
  // The reports of Node 22 name no files.
  const seen = new Set(cases.map((one) => one.file));
  if (suite.runtime.everyFileHasTests && reported.some((one) => one.file !== "")) {
    for (const file of files) {
      if (!seen.has(file)) {
        cases.push(failure(file, "(the whole file)", "no test of it was reported"));
      }
    }
  }
  return cases;
}

function conclude(
  suite: Suite,
  label: string,
  files: SuiteFiles,
  cases: readonly Case[],
  output: string,
  started: number,
): Outcome {
  const failures = cases.filter((one) => one.status === "failed");
  const skips = cases.filter((one) => one.status === "skipped");
  const notApplicable = files.notApplicable;
  const notes = [
    notApplicable.length > 0 ? `${notApplicable.length} files not applicable` : "",
    failures.find((one) => one.name.startsWith("("))?.message.split("\n")[0] ?? "",
    skips[0]?.message.split("\n")[0] ?? "",
  ];
  return {
    suite: suite.name,
    on: suite.peer === undefined ? label : `${label}; ${suite.peer}`,
    passed: cases.length - failures.length - skips.length,
    failed: failures.length,
    skipped: skips.length,
    seconds: (performance.now() - started) / 1000,
    note: notes.filter((note) => note !== "").join("; "),
    failures,
    skips,
    notApplicable,
    output,
  };
}
