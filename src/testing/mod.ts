/**
 * Tools for tests of agents: a clock that stands still until told to advance,
 * faults at will, and chance that comes back.
 *
 * @module
 */
export { chaos, type ChaosAgent, type ChaosOptions } from "./chaos.ts";
export { everyNth, type Fault, type FaultPlan, inTurn, sometimes } from "./fault.ts";
export { seededRandom } from "./seeded_random.ts";
export { TestClock } from "./test_clock.ts";
