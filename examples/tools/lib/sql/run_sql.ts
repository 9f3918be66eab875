import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { AgenkitError, TimeoutError } from "@agenkit/agenkit";
import { invalid, tooMuch } from "../refuse.ts";
import { run } from "../process/run.ts";
import type { Job, JobResult, Rows } from "./job.ts";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));
const MAX_SQL = 20_000;

/**
 * Does one SQL statement in a process of its own and kills that when the time
 * is up. A process, since nothing less stops SQLite: it has the thread until
 * the statement is done, `node:sqlite` offers no interrupt, and a worker that
 * is terminated goes on until native code returns.
 *
 * Under Deno the process may read the database's files and nothing else: no
 * network, no environment, no other file, no program. Node gets the same by
 * its permission model.
 *
 * @throws {TimeoutError} When the time is up.
 * @throws {AgenkitError} `invalid_argument` with SQLite's own words, and on limits.
 */
export async function runSql(
  job: Job,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Rows> {
  if (job.sql.length > MAX_SQL) {
    throw tooMuch(`Cannot query: expected at most ${MAX_SQL} characters, got ${job.sql.length}`);
  }
  if (job.sql.includes("\0") || !job.sql.isWellFormed()) {
    throw invalid("Cannot query: expected text without NUL and unpaired surrogates");
  }
  // Not a guard, the authorizer is one: empty statements make some runtimes crash.
  if (!/^\s*(?:select|with|values|insert|update|delete|replace)\b/i.test(job.sql)) {
    throw invalid("Cannot query: expected a statement that begins with SELECT, WITH or VALUES");
  }
  const result = await run({
    program: process.execPath,
    args: [...sandbox(job), CHILD],
    cwd: dirname(CHILD),
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    input: JSON.stringify(job),
    timeoutMs,
    // JSON escapes and base64 make at most six bytes of one.
    maxOutputBytes: 6 * job.maxBytes + 10_000,
    signal,
  });
  if (result.stopped === "timeout") {
    throw new TimeoutError(`Cannot query: it took longer than ${timeoutMs} ms`, { timeoutMs });
  }
  let answer: JobResult;
  try {
    answer = JSON.parse(result.stdout) as JobResult;
  } catch {
    throw new AgenkitError("internal", "Cannot query: the process gave no answer", {
      cause: result.stderr.slice(0, 2000),
    });
  }
  if ("error" in answer) throw invalid(`Cannot query: ${answer.error}`);
  return answer.ok;
}

/** The arguments with which this runtime starts a program that may do little. */
export function sandbox(job: Pick<Job, "file" | "writable">): readonly string[] {
  const files = ["", "-journal", "-wal", "-shm"].map((suffix) => job.file + suffix);
  const writes = job.writable !== undefined;
  if ("Deno" in globalThis) {
    return [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      "--no-remote",
      "--no-npm",
      `--allow-read=${files.join(",")}`,
      ...(writes ? [`--allow-write=${files.join(",")}`] : []),
    ];
  }
  if ("Bun" in globalThis) return ["run"];
  return [
    "--permission",
    `--allow-fs-read=${dirname(CHILD)}`,
    ...files.map((file) => `--allow-fs-read=${file}`),
    ...(writes ? files.map((file) => `--allow-fs-write=${file}`) : []),
  ];
}
