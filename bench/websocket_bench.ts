/**
 * Measures calls over WebSocket beside the runtime's own client and server
 * that do the same JSON. `deno task bench` judges the ratios by `budget.json`.
 *
 * What is above 1 KiB in a message is left out: there Deno's own client waits
 * for 40 ms, which would make any row beside it look good.
 *
 * @module
 */
import { register } from "./lib/suite.ts";
import { GROUPS } from "./lib/websocket_groups.ts";

await register(GROUPS);
