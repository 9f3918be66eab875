/**
 * The test command: runs every suite in turn and closes with a table and the
 * line `N passed, N failed, N skipped`. See tests/runtimes/README.md.
 */
import { killRunning, runProcess } from "./runtimes/process.ts";
import { list } from "./runtimes/listing.ts";
import { type Outcome, runSuite } from "./runtimes/run_suite.ts";
import { printTable, progressLine, totals } from "./runtimes/table.ts";
import { SUITES } from "./suites.ts";
import { fetching } from "./support/fetching.ts";

const HELP = `Runs the tests of agenkit.

  deno task test [filter...]   all suites, or those whose name contains a filter
  deno task test --list        the suites, their files, and what does not apply
  deno task test --help        this text

Environment:
  CI=true              a missing toolchain is a failure, not a skip
  AGENKIT_TEST_NODE    the Node to use (>= 22.18)
  AGENKIT_TEST_BUN     the Bun to use
`;

const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const ci = Deno.env.get("CI") === "true";

/** Runs the suites and returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  const unknown = args.find((arg) => arg.startsWith("-") && arg !== "--list");
  if (unknown !== undefined) {
    console.error(`Unknown option ${unknown}: only --list and --help are known.`);
    return 2;
  }
  const filters = args.filter((arg) => !arg.startsWith("-"));
  const chosen = SUITES.filter((suite) =>
    filters.length === 0 || filters.some((filter) => suite.name.includes(filter))
  );
  if (args.includes("--list")) {
    await list(root, chosen);
    return 0;
  }
  const install = await fetching(
    () =>
      runProcess(
        { command: Deno.execPath(), args: ["install"] },
        { cwd: root, timeoutMs: 300_000 },
      ),
    ({ code }) => code === 0,
  );
  if (install.code !== 0) {
    console.error(`deno install failed:\n${install.output}`);
    return 1;
  }
  const outcomes: Outcome[] = [];
  for (const suite of chosen) {
    const outcome = await runSuite(root, suite, { ci });
    if (outcome === undefined) continue;
    outcomes.push(outcome);
    if (outcome.failed > 0) {
      console.log(`\n--- ${suite.name}: all it printed ---\n${outcome.output.trimEnd()}`);
      for (const { file, name, message } of outcome.failures) {
        console.log(`\nFAILED ${suite.name} ${file} ${name}\n${indent(message)}`);
      }
      console.log(`--- end of ${suite.name} ---\n`);
    }
    console.log(progressLine(outcome));
  }
  if (outcomes.length === 0) {
    console.error(`No suite to run${filters.length > 0 ? ` for ${filters.join(", ")}` : ""}.`);
    console.log("0 passed, 0 failed, 0 skipped");
    return 1;
  }
  printTable(outcomes);
  const sum = totals(outcomes);
  console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
  return sum.failed === 0 ? 0 : 1;
}

function indent(text: string): string {
  const lines = text.trim().split("\n").filter((line) => line.trim() !== "");
  return lines.slice(0, 8).join("\n").replace(/^/gm, "    ");
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    killRunning();
    Deno.exit(130);
  });
}
Deno.exit(await main(Deno.args));
