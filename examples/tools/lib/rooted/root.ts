import { realpathSync, statSync } from "node:fs";
import process from "node:process";
import { refuse } from "../refuse.ts";
import { Directory } from "./directory.ts";
import { type PathPolicy, splitPath } from "./path.ts";

/** A directory that model-written paths cannot leave. */
export class Root {
  /** Its real path, with links resolved once and for all. */
  readonly path: string;
  /** What paths in it may look like. */
  readonly policy: PathPolicy;
  readonly #identity: string;
  readonly #byPath: boolean;

  /**
   * Takes hold of a directory the application chose.
   *
   * @param byPath See {@linkcode Directory.open}; for tests.
   * @throws {TypeError} If it is not a directory, or on Windows, whose paths
   * have rules (streams, devices, short names) that this does not know.
   */
  constructor(directory: string, policy: PathPolicy = {}, byPath = false) {
    if (process.platform === "win32") {
      throw new TypeError("Cannot make a root: expected a POSIX system, got Windows");
    }
    this.path = realpathSync(directory);
    this.policy = policy;
    this.#byPath = byPath;
    const found = statSync(this.path, { bigint: true });
    if (!found.isDirectory()) {
      throw new TypeError(`Cannot make a root: 'root' must be a directory, got ${directory}`);
    }
    this.#identity = `${found.dev}:${found.ino}`;
  }

  /**
   * Walks to a directory, one name at a time and never through a link, and
   * holds it open while it is used.
   */
  async within<T>(parts: readonly string[], use: (directory: Directory) => Promise<T>): Promise<T> {
    let current = await Directory.open(this.path, this.#byPath);
    try {
      if (await current.identity() !== this.#identity) {
        throw refuse("Cannot use the root: another directory has taken its place");
      }
      for (const name of parts) {
        const next = await current.child(name);
        await current[Symbol.asyncDispose]();
        current = next;
      }
      return await use(current);
    } finally {
      await current[Symbol.asyncDispose]();
    }
  }

  /** As {@linkcode Root.within}, for the directory of a file, with the file's name. */
  async beside<T>(
    path: string,
    use: (directory: Directory, name: string) => Promise<T>,
  ): Promise<T> {
    const parts = splitPath(path, this.policy);
    const name = parts.at(-1);
    if (name === undefined) throw refuse("Cannot use the root: expected a file in it");
    return await this.within(parts.slice(0, -1), (directory) => use(directory, name));
  }
}
