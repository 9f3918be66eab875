/** One thing that is measured: does the same work `calls` times. */
export type Row = () => Promise<unknown>;

/** Rows that are compared with each other; the first is the baseline. */
export interface Group {
  readonly name: string;
  /** How many calls a run of a row makes. */
  readonly calls: number;
  readonly rows: Readonly<Record<string, Row>>;
}

/** Calls something again and again, one after the other. */
export function repeat(calls: number, call: () => Promise<unknown>): Row {
  return async () => {
    for (let i = 0; i < calls; i++) await call();
  };
}

/** Calls something again and again, so many at once. */
export function repeatAtOnce(calls: number, atOnce: number, call: () => Promise<unknown>): Row {
  const lane = repeat(Math.ceil(calls / atOnce), call);
  return async () => {
    await Promise.all(Array.from({ length: atOnce }, lane));
  };
}

/** Which groups to measure: those that have one of these in their names; empty for all. */
export const FILTER = "AGENKIT_BENCH_GROUPS";

/** Whether a group is asked for. */
export function isWanted(name: string): boolean {
  const wanted: string[] = JSON.parse(Deno.env.get(FILTER) ?? "[]");
  return wanted.length === 0 || wanted.some((part) => name.includes(part));
}

/** Hands the groups to `deno bench`, with what a run holds in their names. */
export function register(groups: readonly Group[]): void {
  for (const { name, calls, rows } of groups) {
    if (!isWanted(name)) continue;
    Object.entries(rows).forEach(([row, run], index) => {
      const group = `${name} (${calls} calls)`;
      Deno.bench({ group, name: row, baseline: index === 0 }, async () => {
        await run();
      });
    });
  }
}
