import { quote, refuse, tooMuch } from "../refuse.ts";
import { matchPath, splitPattern } from "./glob.ts";
import { listIn, type Listing, walk } from "./list.ts";
import { splitPath } from "./path.ts";
import { decodeText, readFileIn } from "./read_file.ts";
import { Root } from "./root.ts";
import { writeFileIn } from "./write_file.ts";

/** What the files tool may do. */
export interface FilesOptions {
  /** The directory that is not left. */
  readonly root: string;
  /**
   * Whether files may be written.
   *
   * @default {false}
   */
  readonly write?: boolean;
  /**
   * Whether names that begin with a dot are there.
   *
   * @default {false}
   */
  readonly hidden?: boolean;
  /**
   * Whether files with several hard links are read; another of their names may
   * be outside the root.
   *
   * @default {false}
   */
  readonly hardLinks?: boolean;
  /**
   * How many bytes a file may have, read or written.
   *
   * @default {262144}
   */
  readonly maxBytes?: number;
  /**
   * How many names a listing or search gives.
   *
   * @default {200}
   */
  readonly maxEntries?: number;
}

const MAX_VISITED = 10_000;
const MAX_DEPTH = 16;

/** The operations of the files tool, each within the root and its limits. */
export class FileOperations {
  readonly #root: Root;
  readonly #options: FilesOptions;
  readonly #maxBytes: number;
  readonly #maxEntries: number;

  constructor(options: FilesOptions) {
    this.#root = new Root(options.root, { hidden: options.hidden ?? false });
    this.#options = options;
    this.#maxBytes = options.maxBytes ?? 256 * 1024;
    this.#maxEntries = options.maxEntries ?? 200;
  }

  /** A file's text. */
  async read(path: string, signal?: AbortSignal): Promise<{ path: string; content: string }> {
    return await this.#root.beside(path, async (directory, name) => {
      const { bytes } = await readFileIn(directory, name, {
        maxBytes: this.#maxBytes,
        hardLinks: this.#options.hardLinks,
        signal,
      });
      return { path, content: decodeText(bytes, name) };
    });
  }

  /** The names in a directory. */
  async list(path: string, signal?: AbortSignal): Promise<Listing> {
    return await this.#root.within(
      splitPath(path, this.#root.policy),
      (directory) => listIn(directory, this.#root.policy, this.#maxEntries, signal),
    );
  }

  /** The files whose path matches a pattern. */
  async find(
    pattern: string,
    signal?: AbortSignal,
  ): Promise<{ paths: readonly string[]; truncated: boolean }> {
    const parts = splitPattern(pattern);
    const paths: string[] = [];
    const limits = {
      policy: this.#root.policy,
      maxVisited: MAX_VISITED,
      maxDepth: MAX_DEPTH,
      signal,
    };
    const complete = await this.#root.within(
      [],
      (root) =>
        walk(root, limits, (_directory, names) => {
          if (!matchPath(parts, names)) return Promise.resolve(true);
          if (paths.length >= this.#maxEntries) return Promise.resolve(false);
          paths.push(names.join("/"));
          return Promise.resolve(true);
        }),
    );
    return { paths, truncated: !complete };
  }

  /** Writes a new file, or replaces one when told to. Directories are not made. */
  async write(
    path: string,
    content: string,
    overwrite: boolean,
  ): Promise<{ path: string; bytes: number }> {
    if (this.#options.write !== true) throw refuse(`Cannot write ${quote(path)}: it is read-only`);
    if (!content.isWellFormed()) throw refuse(`Cannot write ${quote(path)}: expected Unicode text`);
    const bytes = new TextEncoder().encode(content);
    if (bytes.length > this.#maxBytes) {
      throw tooMuch(
        `Cannot write ${
          quote(path)
        }: expected at most ${this.#maxBytes} bytes, got ${bytes.length}`,
      );
    }
    await this.#root.beside(path, async (directory, name) => {
      if (!overwrite) {
        await writeFileIn(directory, name, { bytes, target: { create: true } });
        return;
      }
      // Read for its identity alone: only a plain file of the root is replaced.
      const { identity, mode } = await readFileIn(directory, name, {
        maxBytes: 0,
        headOnly: true,
        hardLinks: this.#options.hardLinks,
      });
      await writeFileIn(directory, name, { bytes, target: { replace: identity, mode } });
    });
    return { path, bytes: bytes.length };
  }
}
