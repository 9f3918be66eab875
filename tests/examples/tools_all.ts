import { execFileSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import type { Tool } from "@agenkit/agenkit";
import { calculator } from "../../examples/tools/calculator.ts";
import { database } from "../../examples/tools/database.ts";
import { edit } from "../../examples/tools/edit.ts";
import { files } from "../../examples/tools/files.ts";
import { git } from "../../examples/tools/git.ts";
import { processes } from "../../examples/tools/processes.ts";
import { search } from "../../examples/tools/search.ts";
import { shell } from "../../examples/tools/shell.ts";
import { withFolder } from "./tools_support.ts";

/** All example tools, at a folder `root` with a file `a.md` and a secret beside it. */
export function allTools(
  use: (tools: readonly Tool[], root: string) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    const root = `${folder}/root`;
    await mkdir(root);
    await writeFile(`${folder}/secret.txt`, "SECRET");
    await writeFile(`${root}/a.md`, "# A\nhello\n");
    execFileSync("git", ["init", "--quiet"], {
      cwd: root,
      env: { PATH: Deno.env.get("PATH"), GIT_CONFIG_GLOBAL: "/dev/null" },
    });
    const file = `${folder}/data.db`;
    const data = new DatabaseSync(file);
    data.exec("CREATE TABLE t (a)");
    data.close();
    await using running = processes({ root, programs: { sleep: { words: { min: 1, max: 1 } } } });
    await use([
      calculator(),
      database({ file }),
      edit({ root }),
      files({ root, write: true }),
      git({ root }),
      running,
      search({ folder: root }),
      shell({ root }),
    ], root);
  });
}
