import { lstat } from "node:fs/promises";
import { quote, refuse } from "../refuse.ts";
import type { Root } from "../rooted/root.ts";
import { refuseLinks } from "./git_links.ts";
import { GIT_ENVIRONMENT, HARMLESS_KEYS } from "./git_policy.ts";
import { cleanEnvironment } from "./programs.ts";
import { run } from "./run.ts";

/** What `.git` must not have, since it leads to other places or to other configuration. */
const ELSEWHERE = ["commondir", "objects/info/alternates", "config.worktree"];

/** The environment for git in this root: the repository is named and not looked for. */
export function gitEnvironment(root: Root): Record<string, string> {
  return cleanEnvironment({
    ...GIT_ENVIRONMENT,
    GIT_DIR: `${root.path}/.git`,
    GIT_WORK_TREE: root.path,
    GIT_CEILING_DIRECTORIES: root.path,
  });
}

/**
 * Makes sure that the repository itself is harmless: somebody else may have
 * made it, and git runs programs that a repository's configuration names.
 * Done before each call, since the configuration may have changed.
 *
 * @param trusted Further keys that the application knows to be harmless.
 * @throws {AgenkitError} `permission_denied`, naming what is in the way.
 */
export async function checkRepository(
  root: Root,
  program: string,
  trusted: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const directory = `${root.path}/.git`;
  const found = await lstat(directory).catch(() => undefined);
  // A file or link here says that the repository is somewhere else.
  if (found?.isDirectory() !== true) {
    throw refuse("Cannot use git: expected a repository with its own .git directory in the root");
  }
  for (const name of ELSEWHERE) {
    if (await lstat(`${directory}/${name}`).then(() => true, () => false)) {
      throw refuse(`Cannot use git: .git/${name} leads out of the repository`);
    }
  }
  await refuseLinks(directory);
  const result = await run({
    program,
    // Only reads the file; "--no-includes" keeps it from reading others.
    args: [
      "config",
      "--file",
      `${directory}/config`,
      "--no-includes",
      "--name-only",
      "-z",
      "--list",
    ],
    cwd: "/",
    env: cleanEnvironment({ GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null" }),
    timeoutMs: 5000,
    maxOutputBytes: 100_000,
    signal,
  });
  if (result.exitCode !== 0 || result.stopped !== undefined) {
    throw refuse("Cannot use git: the repository's configuration cannot be read");
  }
  for (const key of result.stdout.split("\0")) {
    if (key === "" || trusted.includes(key)) continue;
    if (!HARMLESS_KEYS.some((pattern) => pattern.test(key))) {
      throw refuse(
        `Cannot use git: the repository sets ${quote(key)}, which is not known as harmless`,
      );
    }
  }
}
