import type { Measured } from "./measure.ts";

/** The most that a row may be, as a multiple of another row of its group in the same run. */
export interface Limit {
  /** The row it is compared with. Default: the group's first. */
  readonly of?: string;
  /** The most the ratio may be. */
  readonly max: number;
}

/** `budget.json`: by group, then by row. */
export type Budget = Readonly<Record<string, Readonly<Record<string, Limit | readonly Limit[]>>>>;

/** How one row stands to another. */
export interface Verdict {
  readonly group: string;
  readonly row: string;
  readonly value: number;
  readonly unit: Measured["unit"];
  readonly of: string;
  readonly ratio: number;
  /** The most the ratio may be; without it the row is only shown. */
  readonly max: number | undefined;
  readonly ok: boolean;
}

/**
 * Judges a group: a verdict for each limit, and one without a limit for each
 * row that has none.
 *
 * @throws {Error} If the budget names a row that was not measured.
 */
export function judge(measured: Measured, budget: Budget): Verdict[] {
  const { group, unit, rows } = measured;
  const limits = budget[group] ?? {};
  const [first = ""] = rows.keys();
  for (const [row, list] of Object.entries(limits)) {
    for (const name of [row, ...[list].flat().map(({ of }) => of ?? first)]) {
      if (!rows.has(name)) {
        throw new Error(
          `The budget of "${group}" names a row "${name}": expected one of ${
            [...rows.keys()].join(", ")
          }`,
        );
      }
    }
  }
  return [...rows].flatMap(([row, value]) =>
    [limits[row] ?? {}].flat().map((limit: Partial<Limit>) => {
      const { of = first, max } = limit;
      const ratio = value / rows.get(of)!;
      return { group, row, value, unit, of, ratio, max, ok: max === undefined || ratio <= max };
    })
  );
}
