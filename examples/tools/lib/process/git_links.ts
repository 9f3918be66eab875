import { lstat, readdir } from "node:fs/promises";
import { quote, refuse, tooMuch } from "../refuse.ts";

/** What git does not look into for the subcommands that read. */
const UNREAD: ReadonlySet<string> = new Set(["hooks", "modules", "lfs"]);
/** A directory of loose objects: what is in it counts only if it has the hash that it is named. */
const LOOSE = /^objects\/[0-9a-f]{2}$/;
const MAX_ENTRIES = 50_000;

/**
 * Refuses a `.git` with symbolic links in it. git follows them, and much of
 * what it reads there it also shows, in its answer or in an error: of a
 * `.git/shallow` that leads to a secret, the first line.
 *
 * @param directory The path of `.git`.
 * @throws {AgenkitError} `permission_denied`, naming the link.
 */
export async function refuseLinks(directory: string): Promise<void> {
  let left = MAX_ENTRIES;
  const visit = async (path: string): Promise<void> => {
    for (const name of await readdir(`${directory}/${path}`)) {
      if (--left < 0) {
        throw tooMuch(`Cannot use git: expected at most ${MAX_ENTRIES} files in .git, got more`);
      }
      const inner = path === "" ? name : `${path}/${name}`;
      const found = await lstat(`${directory}/${inner}`).catch(() => undefined);
      if (found?.isSymbolicLink() === true) {
        throw refuse(`Cannot use git: ${quote(`.git/${inner}`)} is a symbolic link`);
      }
      if (found?.isDirectory() === true && !UNREAD.has(inner) && !LOOSE.test(inner)) {
        await visit(inner);
      }
    }
  };
  await visit("");
}
