import type { Verdict } from "./budget.ts";

/** A table of verdicts, in the order given. */
export function table(verdicts: readonly Verdict[]): string {
  const lines = verdicts.map(({ group, row, value, unit, of, ratio, max, ok }) => [
    group,
    row,
    unit === "ns" ? duration(value) : `${(value / 2 ** 20).toFixed(2)} MiB`,
    of === row ? "" : `${ratio.toFixed(2)} x ${of}`,
    max === undefined ? "" : max.toFixed(2),
    max === undefined ? "" : ok ? "ok" : "OVER",
  ]);
  const all = [["group", "row", "value", "ratio", "budget", "verdict"], ...lines];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  return all.map((line, index) => {
    const text = line.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd();
    return index === 0 ? `${text}\n${widths.map((width) => "-".repeat(width)).join("  ")}` : text;
  }).join("\n");
}

function duration(ns: number): string {
  if (ns < 10_000) return `${ns.toFixed(0)} ns`;
  return ns < 10_000_000 ? `${(ns / 1000).toFixed(1)} us` : `${(ns / 1e6).toFixed(1)} ms`;
}
