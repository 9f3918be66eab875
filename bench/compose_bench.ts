/**
 * Measures the compositions against the lines that one would write by hand,
 * with `deno bench`. `deno task bench` judges the ratios by `budget.json`.
 *
 * @module
 */
import { GROUPS } from "./lib/compose_groups.ts";
import { register } from "./lib/suite.ts";

await register(GROUPS);
