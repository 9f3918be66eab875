import { DatabaseSync } from "node:sqlite";
import type { SqlValue } from "./job.ts";

/** The actions SQLite asks leave for, and the answers, as `sqlite3.h` numbers them. */
export const ACTION = {
  delete: 9,
  insert: 18,
  read: 20,
  select: 21,
  update: 23,
  function: 31,
  recursive: 33,
} as const;
/** The answers to them. */
export const ANSWER = { ok: 0, deny: 1 } as const;

/** What SQLite asks before it compiles each part of a statement. */
export type Authorizer = (action: number, first: string | null, second: string | null) => number;

/** A compiled statement. */
export interface Statement {
  /** The text that was compiled, which is the first statement of what was given. */
  readonly sourceSQL: string;
  columns(): readonly { readonly name: string }[];
  run(...parameters: readonly SqlValue[]): unknown;
  all(...parameters: readonly SqlValue[]): readonly unknown[];
  setReturnArrays(on: boolean): void;
  setReadBigInts(on: boolean): void;
}

/** An open database. */
export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  setAuthorizer(authorizer: Authorizer | null): void;
  enableDefensive(on: boolean): void;
  close(): void;
}

/**
 * Opens a database through `node:sqlite`. Typed here, since the runtimes have
 * more of it than their type declarations tell.
 *
 * @throws {TypeError} If the runtime's SQLite takes no authorizer (Node before
 * 24.10); without one there is no telling what a statement does.
 */
export function openDatabase(file: string, options: Record<string, unknown>): Database {
  const database = new DatabaseSync(file, options) as unknown as Partial<Database>;
  if (
    typeof database.setAuthorizer !== "function" || typeof database.enableDefensive !== "function"
  ) {
    database.close?.();
    throw new TypeError("Cannot open the database: expected node:sqlite with setAuthorizer()");
  }
  return database as Database;
}
