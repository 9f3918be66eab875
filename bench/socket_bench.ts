/**
 * Measures calls over TCP and Unix sockets beside the runtime's own sockets
 * that do the same JSON. `deno task bench` judges the ratios by `budget.json`.
 *
 * @module
 */
import { GROUPS } from "./lib/socket_groups.ts";
import { register } from "./lib/suite.ts";

await register(GROUPS);
