import { invalid, quote, refuse } from "../refuse.ts";
import { splitPath } from "../rooted/path.ts";
import { decodeText, type FileContent, readFileIn } from "../rooted/read_file.ts";
import { Root } from "../rooted/root.ts";
import { writeFileIn } from "../rooted/write_file.ts";
import { replaceExactly } from "./replace_exactly.ts";
import { UndoStack } from "./undo_stack.ts";

/** What the edit tool may do. */
export interface EditOptions {
  /** The directory that is not left. */
  readonly root: string;
  /**
   * Whether names that begin with a dot are there.
   *
   * @default {false}
   */
  readonly hidden?: boolean;
  /**
   * How many bytes a file may have, before and after.
   *
   * @default {1048576}
   */
  readonly maxBytes?: number;
  /**
   * How many edits can be taken back.
   *
   * @default {20}
   */
  readonly maxUndo?: number;
  /**
   * How many bytes of old and new content are kept for that.
   *
   * @default {8388608}
   */
  readonly maxUndoBytes?: number;
}

/** Edits text files below a root, one edit at a time, and takes edits back. */
export class Editor {
  readonly #root: Root;
  readonly #maxBytes: number;
  readonly #undo: UndoStack;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: EditOptions) {
    this.#root = new Root(options.root, { hidden: options.hidden ?? false });
    this.#maxBytes = options.maxBytes ?? 1024 * 1024;
    this.#undo = new UndoStack(options.maxUndo ?? 20, options.maxUndoBytes ?? 8 * 1024 * 1024);
  }

  /** Replaces a text that occurs exactly `count` times. */
  async replace(
    path: string,
    oldText: string,
    newText: string,
    count = 1,
    signal?: AbortSignal,
  ): Promise<{ path: string; replaced: number; undoable: number }> {
    await this.#change(path, signal, (before, name) => {
      const text = decodeText(before, name);
      const after = new TextEncoder().encode(
        replaceExactly(text, { oldText, newText, count, maxLength: this.#maxBytes }),
      );
      if (after.length > this.#maxBytes) {
        throw invalid(`Cannot edit: expected a result of at most ${this.#maxBytes} bytes`);
      }
      return { after, done: () => this.#undo.push({ path: plain(path), before, after }) };
    });
    return { path, replaced: count, undoable: this.#undo.size };
  }

  /** Takes the last edit of a file back, if the file is still as that left it. */
  async undo(path: string, signal?: AbortSignal): Promise<{ path: string; undoable: number }> {
    await this.#change(path, signal, (current) => {
      const edit = this.#undo.last(plain(path));
      if (edit === undefined) throw invalid(`Cannot undo: no edit of ${quote(path)} is remembered`);
      if (!sameBytes(current, edit.after)) {
        throw refuse(`Cannot undo: ${quote(path)} has been changed by somebody else since`);
      }
      return { after: edit.before, done: () => this.#undo.remove(edit) };
    });
    return { path, undoable: this.#undo.size };
  }

  /** Reads, changes and writes a file; two of these never mix. */
  #change(
    path: string,
    signal: AbortSignal | undefined,
    change: (before: Uint8Array, name: string) => { after: Uint8Array; done: () => void },
  ): Promise<void> {
    const run = this.#turn.then(() =>
      this.#root.beside(path, async (directory, name) => {
        const file = await readFileIn(directory, name, { maxBytes: this.#maxBytes, signal });
        const { after, done } = change(file.bytes, name);
        signal?.throwIfAborted();
        await writeFileIn(directory, name, { bytes: after, target: keep(file) });
        done();
      })
    );
    this.#turn = run.catch(() => {});
    return run;
  }
}

function keep({ identity, mode }: FileContent): { replace: string; mode: number } {
  return { replace: identity, mode };
}

/** One spelling a file: `a//b` and `./a/b` are `a/b`. */
function plain(path: string): string {
  return splitPath(path, { hidden: true }).join("/");
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
