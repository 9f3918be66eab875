/**
 * Tools for tests of agents: a clock that stands still until told to advance.
 *
 * @module
 */
export { TestClock } from "./test_clock.ts";
