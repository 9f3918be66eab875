/**
 * Prints the contract of the middleware as a grid, middleware by rule: each
 * alone, and around and inside every other one.
 *
 * @module
 */
import { RULES } from "./unit/middleware/contract.ts";
import { Stack } from "./unit/middleware/contract_stack.ts";
import { FACTORIES, type Factory } from "./unit/middleware/factories.ts";

async function cell(rule: typeof RULES[number], factory: Factory): Promise<string> {
  const stacks = [
    [factory],
    ...FACTORIES.flatMap((other) => [[factory, other], [other, factory]]),
  ];
  let kept = 0;
  for (const stack of stacks) {
    try {
      await rule.check(new Stack(stack));
      kept++;
    } catch (error) {
      const names = stack.map(({ name }) => name).join(" around ");
      console.error(`${names}: ${rule.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return `${kept === stacks.length ? "ok" : "FAILED"} ${kept}/${stacks.length}`;
}

const head = ["rule", ...FACTORIES.map(({ name }) => name)];
const rows: string[][] = [];
for (const rule of RULES) {
  const cells: string[] = [];
  for (const factory of FACTORIES) cells.push(await cell(rule, factory));
  rows.push([rule.name, ...cells]);
}

const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)));
const line = (row: string[]) => `| ${row.map((text, i) => text.padEnd(widths[i]!)).join(" | ")} |`;
console.log(line(head));
console.log(`| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`);
for (const row of rows) console.log(line(row));
if (rows.some((row) => row.some((text) => text.startsWith("FAILED")))) Deno.exitCode = 1;
