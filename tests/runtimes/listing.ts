import type { Suite } from "../suites.ts";
import { filesOf } from "./run_suite.ts";

/** Prints the suites, their files, and what does not apply where and why. */
export async function list(root: string, suites: readonly Suite[]): Promise<void> {
  for (const suite of suites) {
    const { run, notApplicable } = await filesOf(root, suite);
    if (run.length === 0) continue;
    const peer = suite.peer === undefined ? "" : ` against ${suite.peer}`;
    console.log(`${suite.name} (${suite.runtime.name}${peer}): ${run.length} files`);
    // Not every one of these holds an example, so their names say little.
    if (!suite.runtime.everyFileHasTests) continue;
    for (const file of run) console.log(`  ${file}`);
    for (const { file, reason } of notApplicable) {
      console.log(`  ${file}: not applicable, ${reason}`);
    }
  }
}
