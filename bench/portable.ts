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
import { measureRows } from "./lib/rounds.ts";

const only = process.argv[2] ?? "";
for (const group of [...COMPOSE, ...MIDDLEWARE]) {
  if (!group.name.includes(only)) continue;
  console.log(group.name);
  for (const [row, ns] of Object.entries(await measureRows(group))) {
    console.log(`  ${row.padEnd(26)} ${ns.toFixed(0).padStart(8)} ns per call`);
  }
}
// Some of the libraries keep timers running.
process.exit(0);
