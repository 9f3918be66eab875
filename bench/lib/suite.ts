import { measureRows } from "./rounds.ts";

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

/** What `deno task bench` asks for: groups with one of these in their names; empty for all. */
export const FILTER = "AGENKIT_BENCH_GROUPS";

/** Whether a group is asked for. */
export function isWanted(name: string): boolean {
  const wanted: string[] = JSON.parse(Deno.env.get(FILTER) ?? "[]");
  return wanted.length === 0 || wanted.some((part) => name.includes(part));
}

/** Hands the groups to `deno bench`, or measures them when `deno task bench` asks for that. */
export async function register(groups: readonly Group[]): Promise<void> {
  if (Deno.env.has(FILTER)) {
    for (const group of groups) {
      if (!isWanted(group.name)) continue;
      console.log(JSON.stringify({ group: group.name, rows: await measureRows(group) }));
    }
    Deno.exit(0);
  }
  for (const { name, rows } of groups) {
    Object.entries(rows).forEach(([row, run], index) => {
      Deno.bench({ group: name, name: row, baseline: index === 0 }, async () => {
        await run();
      });
    });
  }
}
