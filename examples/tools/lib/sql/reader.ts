import { realpathSync, statSync } from "node:fs";
import { quote, refuse } from "../refuse.ts";
import type { Rows, SqlValue } from "./job.ts";
import { runSql } from "./run_sql.ts";
import { openDatabase } from "./sqlite.ts";

/** Which database, what of it, and how much. */
export interface DatabaseOptions {
  /** The database's file. It has to be there. */
  readonly file: string;
  /**
   * The tables and views that may be read; a view needs its tables to be here
   * too. Without it: all but those of SQLite itself.
   */
  readonly tables?: readonly string[];
  /** Tables whose rows may be added, changed and removed. Without it the database is read-only. */
  readonly writable?: readonly string[];
  /**
   * How many rows are given.
   *
   * @default {100}
   */
  readonly maxRows?: number;
  /**
   * How many bytes are given, as JSON; also how long one value may be.
   *
   * @default {65536}
   */
  readonly maxBytes?: number;
  /**
   * How many rows one statement may write.
   *
   * @default {100}
   */
  readonly maxChanges?: number;
  /**
   * How long a statement may take, with the start of its process.
   *
   * @default {5000}
   */
  readonly timeoutMs?: number;
  /**
   * How much memory SQLite may take.
   *
   * @default {67108864}
   */
  readonly maxMemoryBytes?: number;
}

/** A table or view with its columns. */
export type TableInfo = {
  readonly name: string;
  readonly columns: readonly string[];
};

const MAX_TABLES = 200;

/** Queries of one database, each in a process of its own. */
export class Reader {
  readonly #options: DatabaseOptions;
  readonly #file: string;
  #running = 0;

  /** @throws {TypeError} If there is no such file. */
  constructor(options: DatabaseOptions) {
    this.#file = realpathSync(options.file);
    if (!statSync(this.#file).isFile() || this.#file.includes(",")) {
      throw new TypeError(`Cannot use the database: expected a file, without a comma in its path`);
    }
    this.#options = options;
  }

  /** Does one statement. */
  async query(sql: string, parameters: readonly SqlValue[], signal?: AbortSignal): Promise<Rows> {
    if (this.#running >= MAX_RUNNING) {
      throw refuse(`Cannot query: ${this.#running} statements are running, which is the most`);
    }
    const { tables, writable, timeoutMs = 5000 } = this.#options;
    this.#running++;
    try {
      return await runSql({
        file: this.#file,
        sql,
        parameters,
        tables,
        writable,
        maxRows: this.#options.maxRows ?? 100,
        maxBytes: this.#options.maxBytes ?? 64 * 1024,
        maxChanges: this.#options.maxChanges ?? 100,
        maxMemoryBytes: this.#options.maxMemoryBytes ?? 64 * 1024 * 1024,
      }, { timeoutMs, signal });
    } finally {
      this.#running--;
    }
  }

  /** The tables and views that may be read, with their columns. Nothing of it comes from a model. */
  schema(): readonly TableInfo[] {
    const { tables, writable = [] } = this.#options;
    const database = openDatabase(this.#file, { readOnly: true });
    try {
      const rows = database.prepare(`
        SELECT m.name AS name, c.name AS "column"
        FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
        WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY m.name, c.cid
      `).all() as readonly { readonly name: string; readonly column: string }[];
      const allowed = tables && new Set([...tables, ...writable].map((name) => name.toLowerCase()));
      const found = new Map<string, string[]>();
      for (const { name, column } of rows) {
        if (allowed !== undefined && !allowed.has(name.toLowerCase())) continue;
        if (!found.has(name) && found.size >= MAX_TABLES) break;
        found.set(name, [...found.get(name) ?? [], column]);
      }
      return [...found].map(([name, columns]) => ({ name, columns }));
    } catch (error) {
      throw refuse(`Cannot read the tables: ${quote(error instanceof Error ? error.message : "")}`);
    } finally {
      database.close();
    }
  }
}

/** Processes at the same time; the machine has other things to do. */
const MAX_RUNNING = 4;
