/**
 * The program that holds the database: it reads one job from its input, does
 * it, writes the answer, and ends. See `run_sql.ts` for why it is a process.
 *
 * @module
 */
import { readFileSync, writeSync } from "node:fs";
import { execute } from "./execute.ts";
import type { Job, JobResult } from "./job.ts";

const job = JSON.parse(readFileSync(0, "utf8")) as Job;
let result: JobResult;
try {
  result = { ok: execute(job) };
} catch (error) {
  result = { error: error instanceof Error ? error.message : String(error) };
}
const bytes = new TextEncoder().encode(JSON.stringify(result));
for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
