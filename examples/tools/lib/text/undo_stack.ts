/** One edit that can be taken back. */
export interface Edit {
  readonly path: string;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** The last edits, as many as two limits allow; older ones can no longer be taken back. */
export class UndoStack {
  readonly #maxEdits: number;
  readonly #maxBytes: number;
  readonly #edits: Edit[] = [];
  #bytes = 0;

  constructor(maxEdits: number, maxBytes: number) {
    this.#maxEdits = maxEdits;
    this.#maxBytes = maxBytes;
  }

  /** How many edits can be taken back. */
  get size(): number {
    return this.#edits.length;
  }

  /** Remembers an edit. */
  push(edit: Edit): void {
    this.#edits.push(edit);
    this.#bytes += weight(edit);
    while (this.#edits.length > this.#maxEdits || this.#bytes > this.#maxBytes) {
      this.#bytes -= weight(this.#edits.shift()!);
    }
  }

  /** The last edit of a file. */
  last(path: string): Edit | undefined {
    return this.#edits.findLast((edit) => edit.path === path);
  }

  /** Forgets an edit that was taken back. */
  remove(edit: Edit): void {
    const at = this.#edits.indexOf(edit);
    if (at < 0) return;
    this.#edits.splice(at, 1);
    this.#bytes -= weight(edit);
  }
}

function weight({ before, after }: Edit): number {
  return before.length + after.length;
}
