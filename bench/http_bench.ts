/**
 * Measures calls over HTTP beside the runtime's own server and `fetch` that do
 * the same JSON. `deno task bench` judges the ratios by `budget.json`.
 *
 * @module
 */
import { GROUPS } from "./lib/http_groups.ts";
import { register } from "./lib/suite.ts";

await register(GROUPS);
