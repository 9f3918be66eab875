import type { Outcome } from "./run_suite.ts";

/** One line for a suite that has just ended. */
export function progressLine(outcome: Outcome): string {
  const { suite, on, passed, failed, skipped, seconds } = outcome;
  const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  return `${failed > 0 ? "FAILED" : "ok"} ${suite} (${on}): ${counts}, ${seconds.toFixed(1)} s`;
}

/** The sums over all suites. */
export function totals(
  outcomes: readonly Outcome[],
): { readonly passed: number; readonly failed: number; readonly skipped: number } {
  const sum = (key: "passed" | "failed" | "skipped") =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

/** Prints the closing table, then why tests were skipped or do not apply. */
export function printTable(outcomes: readonly Outcome[]): void {
  const head = ["suite", "runtime or peer", "passed", "failed", "skipped", "seconds", "note"];
  const rows = outcomes.map((outcome) => [
    outcome.suite,
    outcome.on,
    String(outcome.passed),
    String(outcome.failed),
    String(outcome.skipped),
    outcome.seconds.toFixed(1),
    outcome.note,
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length))
  );
  const numeric = (column: number) => column >= 2 && column <= 5;
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) => {
      const width = column === head.length - 1 ? 0 : widths[column] ?? 0;
      return numeric(column) ? cell.padStart(width) : cell.padEnd(width);
    }).join(" | ").trimEnd();
  console.log(`\n${line(head)}`);
  console.log(widths.map((width) => "-".repeat(width)).join("-|-"));
  for (const row of rows) console.log(line(row));
  console.log("");
  for (const { suite, skips, notApplicable } of outcomes) {
    for (const { file, name, message } of skips) {
      console.log(`skipped ${suite} ${file} ${name}${message ? `: ${message}` : ""}`);
    }
    for (const { file, reason } of notApplicable) {
      console.log(`not applicable ${suite} ${file}: ${reason}`);
    }
  }
}
