import { type BigIntStats, constants, lstatSync, realpathSync } from "node:fs";
import { type FileHandle, lstat, open, stat } from "node:fs/promises";
import { missing, quote, refuse, unexpected } from "../refuse.ts";

/** How often the path of what was opened is checked where there is no `/proc`. */
const CONFIRMATIONS = 16;

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * An open directory, and the path by which its entries are reached.
 *
 * On Linux that path is `/proc/self/fd/N`: it names the directory that was
 * opened, wherever somebody moves it and whatever they put in its place. It
 * does for Node what `openat(2)` does in C. Elsewhere it is the ordinary path,
 * which is why {@linkcode Directory.confirm} exists.
 */
export class Directory {
  /** The prefix for paths of entries. */
  readonly via: string;
  /** Where it was when it was opened; for checks and texts. */
  readonly path: string;
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle, path: string, via: string) {
    this.#handle = handle;
    this.path = path;
    this.via = via;
  }

  /**
   * Opens a directory by its real, absolute path.
   *
   * @param byPath Whether its entries are reached by path although there is a
   * `/proc`: as on other systems.
   */
  static async open(path: string, byPath = false): Promise<Directory> {
    const handle = await open(path, DIRECTORY);
    try {
      return new Directory(handle, path, byPath ? path : await viaDescriptor(handle) ?? path);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Opens a directory in this one; a symbolic link is not followed. */
  async child(name: string): Promise<Directory> {
    let handle: FileHandle;
    try {
      handle = await open(`${this.via}/${name}`, DIRECTORY);
    } catch (error) {
      throw entryError(error, name, "a directory");
    }
    const path = `${this.path}/${name}`;
    return new Directory(handle, path, this.pinned ? `/proc/self/fd/${handle.fd}` : path);
  }

  /** Whether entries are reached through the open directory and not by its path. */
  get pinned(): boolean {
    return this.via !== this.path;
  }

  /**
   * Without `/proc`, makes sure that what was opened is what the path leads to
   * now, and that the path has no link in it: whoever swapped a directory for
   * a link between the walk and the opening is found out here.
   *
   * @throws {AgenkitError} `permission_denied`.
   */
  async confirm(handle: FileHandle, name: string): Promise<void> {
    if (this.pinned) return;
    const path = `${this.path}/${name}`;
    const opened = await handle.stat({ bigint: true });
    // Two questions cannot be asked at one moment, so they are asked within one
    // turn, over and over: whoever wants to get through has to swap in step.
    for (let round = 0; round < CONFIRMATIONS; round++) {
      if (!leadsTo(path, opened, name)) {
        throw refuse(`Cannot use ${quote(name)}: it changed while it was opened`);
      }
    }
  }

  /**
   * Makes sure that a name is a regular file or a directory.
   *
   * @throws {AgenkitError} If it is missing, a link or a device.
   */
  async plain(name: string): Promise<void> {
    const found = await lstat(`${this.via}/${name}`).catch((error) => {
      throw entryError(error, name, "a file or a directory");
    });
    if (!found.isFile() && !found.isDirectory()) {
      throw refuse(`Cannot use ${quote(name)}: expected a file or a directory, no link, no device`);
    }
  }

  /** The identity of the directory itself. */
  async identity(): Promise<string> {
    const { dev, ino } = await this.#handle.stat({ bigint: true });
    return `${dev}:${ino}`;
  }

  /** Makes renames in it durable, where the system can. */
  async sync(): Promise<void> {
    await this.#handle.sync().catch(() => {});
  }

  /** Lets go of the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** Whether a path without a link in it leads to a file, at the moment. */
function leadsTo(path: string, file: BigIntStats, name: string): boolean {
  try {
    const found = lstatSync(path, { bigint: true });
    return found.dev === file.dev && found.ino === file.ino &&
      realpathSync.native(path) === path;
  } catch (error) {
    throw entryError(error, name, "what was opened");
  }
}

async function viaDescriptor(handle: FileHandle): Promise<string | undefined> {
  const via = `/proc/self/fd/${handle.fd}`;
  try {
    const [own, seen] = await Promise.all([
      handle.stat({ bigint: true }),
      stat(`${via}/.`, { bigint: true }),
    ]);
    return own.dev === seen.dev && own.ino === seen.ino ? via : undefined;
  } catch {
    return undefined; // No /proc, or the runtime does not let us at it.
  }
}

/** What a failed opening means, without the machine's own paths in the text. */
export function entryError(error: unknown, name: string, expected: string): unknown {
  switch ((error as { code?: unknown } | null)?.code) {
    case "ENOENT":
      return missing(`Cannot find ${quote(name)}`);
    case "ELOOP":
    case "EMLINK":
      return refuse(`Cannot use ${quote(name)}: symbolic links are refused`);
    case "ENOTDIR":
    case "EISDIR":
    case "ENXIO":
      return refuse(`Cannot use ${quote(name)}: expected ${expected}, no link and no device`);
    case "EACCES":
    case "EPERM":
      return refuse(`Cannot use ${quote(name)}: the system does not permit it`);
    default:
      return unexpected(error, name);
  }
}
