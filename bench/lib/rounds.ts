import type { Group, Row } from "./suite.ts";

/** How long a row runs before another has its turn, in milliseconds. */
const TURN_MS = 10;
/** How many turns each row has. */
const ROUNDS = 50;
/** No group takes longer than this, in milliseconds: slow rows get fewer turns. */
const PATIENCE_MS = 10_000;
const WARM_UP_MS = 300;

interface Lane {
  readonly row: string;
  readonly run: Row;
  /** How many runs fill a turn. */
  readonly runs: number;
  readonly turns: number[];
}

/**
 * Measures the rows of a group in turns, so that what disturbs the machine
 * disturbs them all. Of the turns of a row the fastest tenth counts, since a
 * disturbance only ever adds.
 *
 * @returns Nanoseconds per call, by row.
 */
export async function measureRows({ calls, rows }: Group): Promise<Record<string, number>> {
  const lanes: Lane[] = [];
  for (const [row, run] of Object.entries(rows)) {
    const runs = Math.max(1, Math.floor(TURN_MS / await warmUp(run)));
    lanes.push({ row, run, runs, turns: [] });
  }
  const end = performance.now() + PATIENCE_MS;
  for (let round = 0; round < ROUNDS && (round < 5 || performance.now() < end); round++) {
    // Whoever goes first does so only every so often.
    for (let i = 0; i < lanes.length; i++) {
      const { run, runs, turns } = lanes[(round + i) % lanes.length]!;
      const start = performance.now();
      for (let n = 0; n < runs; n++) await run();
      turns.push((performance.now() - start) * 1e6 / (runs * calls));
    }
  }
  return Object.fromEntries(lanes.map(({ row, turns }) => [row, tenth(turns)]));
}

/** Runs a row for a while, and tells how long its fastest run took, in milliseconds. */
async function warmUp(run: Row): Promise<number> {
  const end = performance.now() + WARM_UP_MS;
  let fastest = Number.POSITIVE_INFINITY;
  for (let start = performance.now(); start < end || !Number.isFinite(fastest);) {
    await run();
    const now = performance.now();
    fastest = Math.min(fastest, now - start);
    start = now;
  }
  return Math.max(fastest, 1e-3);
}

function tenth(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 10)]!;
}
