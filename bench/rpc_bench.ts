/**
 * Measures calls over gRPC beside the libraries for it and beside other
 * languages. `deno task bench` judges the ratios by `budget.json`.
 *
 * @module
 */
import { GROUPS } from "./lib/rpc_groups.ts";
import { register } from "./lib/suite.ts";

await register(GROUPS);
