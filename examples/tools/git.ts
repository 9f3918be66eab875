/**
 * What a git repository says, for a model: the reading subcommands with their
 * harmless options, in an environment where neither the user's configuration
 * nor the repository's makes git run another program.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { type Tool, tool } from "@agenkit/agenkit";
import { demo } from "./lib/demo.ts";
import { SUBCOMMANDS } from "./lib/process/git_policy.ts";
import { type GitOptions, GitRunner } from "./lib/process/git_runner.ts";

const STRINGS = {
  type: "array",
  items: { type: "string", maxLength: 1024 },
  maxItems: 20,
} as const;

/** Makes the tool. It changes nothing: what writes could also run hooks. */
export function git(options: GitOptions): Tool {
  const runner = new GitRunner(options);
  return tool({
    name: "git",
    description: "Reads the git repository. Options, revisions and relative paths are given " +
      "separately; nothing is changed and no remote is asked.",
    parameters: {
      type: "object",
      properties: {
        subcommand: { enum: [...SUBCOMMANDS.keys()] },
        options: STRINGS,
        revisions: STRINGS,
        paths: STRINGS,
      },
      required: ["subcommand"],
      additionalProperties: false,
    },
    execute: (request, { signal }) => runner.run(request, signal),
  });
}

if (import.meta.main) {
  const root = await mkdtemp(`${tmpdir()}/agenkit-git-`);
  const own = (...args: string[]) => {
    const who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    execFileSync("git", [...who, ...args], { cwd: root, stdio: "ignore" });
  };
  try {
    own("init", "--quiet");
    await writeFile(`${root}/a.txt`, "one\n");
    own("add", ".");
    own("commit", "--quiet", "--message", "First");
    await appendFile(`${root}/a.txt`, "two\n");
    await demo(git({ root }), [
      ["What has changed", { subcommand: "diff", options: ["-U0"], paths: ["a.txt"] }],
      ["The history", { subcommand: "log", options: ["--format=reference", "-n", "5"] }],
      ["An alias that is a command", { subcommand: "-c", options: ["alias.x=!id"] }],
      ["Output into a file", { subcommand: "diff", options: ["--output=/tmp/x"] }],
      ["An option as a revision", { subcommand: "log", revisions: ["--exec=id"] }],
    ]);
    await appendFile(`${root}/.git/config`, "[core]\n\tfsmonitor = touch owned\n");
    await demo(git({ root }), [
      ["A repository that brings a command", { subcommand: "status", options: ["--short"] }],
    ]);
  } finally {
    await rm(root, { recursive: true });
  }
}
