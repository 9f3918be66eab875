/**
 * Measures, and judges by `budget.json`. See `README.md` beside it.
 *
 * @module
 */
import { type Budget, judge, type Verdict } from "./lib/budget.ts";
import { measure, type Measured } from "./lib/measure.ts";
import { table } from "./lib/report.ts";

const HELP = `Measures what is in bench/ and compares it with bench/budget.json.

  deno task bench             all
  deno task bench <part...>   files and groups that have one of these in their names
  deno task bench --help      this text

Exit code: 0 within all budgets, 1 over one of them, 2 wrong usage.
`;

/** How often a group that is over its budget is measured again: it may have been disturbed. */
const RETRIES = 3;

const folder = new URL(".", import.meta.url).pathname;

async function suites(): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (/_(?:bench|memory)\.ts$/.test(name)) files.push(name);
  }
  return files.sort();
}

/** Judges one group; measures it again while it is over, and keeps the best run. */
async function settle(file: string, measured: Measured, budget: Budget): Promise<Verdict[]> {
  let best = judge(measured, budget);
  for (let i = 0; i < RETRIES && over(best) > 0; i++) {
    let again: Measured | undefined;
    for await (const one of measure(`bench/${file}`, [measured.group])) {
      // Another group may have this one's name in its own.
      if (one.group === measured.group) again = one;
    }
    if (again === undefined) break;
    const verdicts = judge(again, budget);
    if (over(verdicts) < over(best)) best = verdicts;
  }
  return best;
}

/** By how much a group is over its budgets, as the sum of the excesses. */
function over(verdicts: readonly Verdict[]): number {
  return verdicts.reduce((sum, { ok, ratio, max }) => ok ? sum : sum + ratio / max! - 1, 0);
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  if (args.some((arg) => arg.startsWith("-"))) {
    console.error(`Unknown option: only --help is known.`);
    return 2;
  }
  const budget: Budget = JSON.parse(await Deno.readTextFile(`${folder}budget.json`));
  const verdicts: Verdict[] = [];
  const seen = new Set<string>();
  for (const file of await suites()) {
    const groups = args.some((part) => file.includes(part)) ? [] : args;
    const measured: Measured[] = [];
    for await (const one of measure(`bench/${file}`, groups)) {
      console.error(`measured ${one.group}`);
      seen.add(one.group);
      measured.push(one);
    }
    for (const one of measured) verdicts.push(...await settle(file, one, budget));
  }
  const missing = args.length > 0 ? [] : Object.keys(budget).filter((group) => !seen.has(group));
  if (verdicts.length === 0 || missing.length > 0) {
    console.error(
      verdicts.length === 0
        ? `There is nothing to measure for ${args.join(", ")}.`
        : `The budget has groups that were not measured: ${missing.join(", ")}`,
    );
    return 2;
  }
  console.log(table(verdicts));
  const broken = verdicts.filter(({ ok }) => !ok).length;
  const judged = verdicts.filter(({ max }) => max !== undefined).length;
  console.log(`\n${judged} budgets, ${broken} broken`);
  return broken === 0 ? 0 : 1;
}

Deno.exit(await main(Deno.args));
