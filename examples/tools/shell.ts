/**
 * Programs of an allow-list, for a model, with a policy for the arguments of
 * each. No shell is started: there is nothing that would understand `;`, `|`,
 * `$()` or `>`.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { type Tool, tool } from "@agenkit/agenkit";
import { demo } from "./lib/demo.ts";
import { type ShellOptions, ShellRunner } from "./lib/process/shell_runner.ts";

const STRINGS = {
  type: "array",
  items: { type: "string", maxLength: 1024 },
  maxItems: 20,
} as const;

/** Makes the tool. */
export function shell(options: ShellOptions): Tool {
  const runner = new ShellRunner(options);
  return tool({
    name: "shell",
    description: "Runs a program in the working directory. Options, words (such as the text " +
      "to look for) and relative paths are given separately; there is no shell, so no pipes, " +
      "patterns or redirections.",
    parameters: {
      type: "object",
      properties: {
        program: { enum: runner.names },
        options: STRINGS,
        words: STRINGS,
        paths: STRINGS,
      },
      required: ["program"],
      additionalProperties: false,
    },
    execute: ({ program, ...requested }, { signal }) => runner.run(program, requested, signal),
  });
}

if (import.meta.main) {
  const root = await mkdtemp(`${tmpdir()}/agenkit-shell-`);
  try {
    await writeFile(`${root}/log.txt`, "ok\nerror: disk full\nok\n");
    await demo(shell({ root }), [
      ["A search", { program: "grep", options: ["-n"], words: ["error"], paths: ["log.txt"] }],
      ["A word is never an option", {
        program: "grep",
        words: ["--include=/etc/passwd"],
        paths: ["log.txt"],
      }],
      ["A semicolon is a letter", { program: "cat", paths: ["log.txt; id"] }],
      ["An option that is not on the list", {
        program: "grep",
        options: ["-f"],
        words: ["x"],
        paths: ["log.txt"],
      }],
      ["Another place", { program: "cat", paths: ["/etc/passwd"] }],
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
}
