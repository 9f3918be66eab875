/**
 * Measures the same calls over all transports. What it shows is for choosing
 * one; budgets are in the groups of each transport.
 *
 * @module
 */
import { GROUPS } from "./lib/transports_groups.ts";
import { register } from "./lib/suite.ts";

await register(GROUPS);
