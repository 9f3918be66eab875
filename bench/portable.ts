/**
 * Measures compositions and middleware on any runtime, without `deno bench`:
 *
 *     node bench/portable.ts
 *     bun bench/portable.ts "five layers"
 *
 * @module
 */
import process from "node:process";
import { GROUPS as COMPOSE } from "./lib/compose_groups.ts";
import { GROUPS as MIDDLEWARE } from "./lib/middleware_groups.ts";
import type { Row } from "./lib/suite.ts";

const ROUNDS = 15;

/** The fastest of some runs, in milliseconds: what disturbs a run only ever adds to it. */
async function fastest(run: Row): Promise<number> {
  for (let i = 0; i < 5; i++) await run();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

const only = process.argv[2] ?? "";
for (const { name, calls, rows } of [...COMPOSE, ...MIDDLEWARE]) {
  if (!name.includes(only)) continue;
  console.log(name);
  for (const [row, run] of Object.entries(rows)) {
    const ns = await fastest(run) * 1e6 / calls;
    console.log(`  ${row.padEnd(26)} ${ns.toFixed(0).padStart(8)} ns per call`);
  }
}
// Some of the libraries keep timers running.
process.exit(0);
