import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { link, lstat, open, rename, unlink } from "node:fs/promises";
import { quote, refuse } from "../refuse.ts";
import { type Directory, entryError } from "./directory.ts";

/** How a file is written. */
export interface WriteOptions {
  /** What is written. */
  readonly bytes: Uint8Array;
  /**
   * `create` refuses when the name is taken; `replace` refuses unless it is
   * the file with this identity, which is the one that was read.
   */
  readonly target: { readonly create: true } | {
    readonly replace: string;
    /** The permissions to keep. Set-user-id and such are dropped. */
    readonly mode: number;
  };
}

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * Writes a file so that others see the old content or the new, never half of
 * it: into a new file beside it, whose name cannot be guessed and which must
 * not exist (`O_EXCL`), and then by one rename or link. The owner, extended
 * attributes and further hard links of a replaced file are not kept.
 *
 * @throws {AgenkitError} If the target is a link, is taken or is another file.
 */
export async function writeFileIn(
  directory: Directory,
  name: string,
  { bytes, target }: WriteOptions,
): Promise<void> {
  const path = `${directory.via}/${name}`;
  const temporary = `${directory.via}/.${randomUUID()}.tmp`;
  const creating = "create" in target;
  // The process's umask narrows the mode of new files, as it does everywhere.
  const handle = await open(temporary, NEW, creating ? 0o666 : 0o600).catch((error) => {
    throw entryError(error, name, "a file that can be written");
  });
  try {
    try {
      await directory.confirm(handle, temporary.slice(directory.via.length + 1));
      await handle.writeFile(bytes);
      if (!creating) await handle.chmod(target.mode & 0o777);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (creating) await linkNew(temporary, path, name);
    else {
      if (await identityOf(path, name) !== target.replace) {
        throw refuse(`Cannot write ${quote(name)}: it changed since it was read`);
      }
      // What rename finds in place of the file, be it a link, is replaced
      // itself and not what it points to.
      await rename(temporary, path);
    }
    await directory.sync();
  } finally {
    // After a rename there is nothing left to remove.
    await unlink(temporary).catch(() => {});
  }
}

async function linkNew(temporary: string, path: string, name: string): Promise<void> {
  try {
    await link(temporary, path); // Fails when the name is taken; rename would not.
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EEXIST") throw error;
    throw refuse(`Cannot create ${quote(name)}: the name is taken`);
  }
}

async function identityOf(path: string, name: string): Promise<string> {
  try {
    const { dev, ino } = await lstat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    throw entryError(error, name, "a regular file");
  }
}
