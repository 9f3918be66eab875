/**
 * Measures the middleware against the libraries for the same, with
 * `deno bench`. `deno task bench` judges the ratios by `budget.json`.
 *
 * @module
 */
import { GROUPS } from "./lib/middleware_groups.ts";
import { register } from "./lib/suite.ts";

await register(GROUPS);
