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

/** Hands the groups to `deno bench`. */
export function register(groups: readonly Group[]): void {
  for (const { name, rows } of groups) {
    Object.entries(rows).forEach(([row, run], index) => {
      Deno.bench({ group: name, name: row, baseline: index === 0 }, async () => {
        await run();
      });
    });
  }
}
