import { quote, refuse, tooMuch } from "../refuse.ts";
import { run, type RunOptions } from "./run.ts";

/** For some hundred thousand names. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Refuses an index with names that git itself would never put there. What is
 * in it git compares with files of that name: with `../secret` among them,
 * `git diff` shows a file outside of the repository.
 *
 * @param how How git is run for this repository.
 * @throws {AgenkitError} `permission_denied`, with the name.
 */
export async function checkIndex(
  how: Omit<RunOptions, "args" | "maxOutputBytes">,
): Promise<void> {
  const args = ["--no-pager", "ls-files", "-z"];
  const { exitCode, stdout, stopped } = await run({ ...how, args, maxOutputBytes: MAX_BYTES });
  if (stopped === "output") {
    throw tooMuch(`Cannot use git: expected an index of at most ${MAX_BYTES} bytes, got more`);
  }
  if (exitCode !== 0 || stopped !== undefined) {
    throw refuse("Cannot use git: the repository's index cannot be read");
  }
  for (const name of stdout.split("\0").slice(0, -1)) {
    if (name.split("/").some(isForbidden)) {
      throw refuse(`Cannot use git: the index has ${quote(name)}, which leads elsewhere`);
    }
  }
}

function isForbidden(part: string): boolean {
  return part === "" || part === "." || part === ".." || part.toLowerCase() === ".git";
}
