/** A value that can be bound to a `?`. */
export type SqlValue = null | number | string;

/** What the child process is told to do. */
export interface Job {
  readonly file: string;
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  readonly tables?: readonly string[] | undefined;
  readonly writable?: readonly string[] | undefined;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly maxChanges: number;
  readonly maxMemoryBytes: number;
}

/** A value as it is reported: large integers as text, bytes in base64. */
export type Cell = null | number | string | { readonly base64: string };

/** What a statement gave. */
export type Rows = {
  /** The names of the columns, in order; they may repeat. */
  readonly columns: readonly string[];
  /** The rows, each in the order of the columns. */
  readonly rows: readonly (readonly Cell[])[];
  /** Whether there were more rows than the limits let through. */
  readonly truncated: boolean;
  /** How many rows were written. */
  readonly changes: number;
};

/** What the child process answers. */
export type JobResult = { readonly ok: Rows } | { readonly error: string };
