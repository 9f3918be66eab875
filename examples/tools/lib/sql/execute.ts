import { authorizer } from "./authorize.ts";
import type { Cell, Job, Rows } from "./job.ts";
import { type Database, openDatabase, type Statement } from "./sqlite.ts";

/**
 * Does one statement. Runs in the child process: what the statement costs in
 * time and memory is taken from there.
 */
export function execute(job: Job): Rows {
  const writing = job.writable !== undefined;
  const database = openDatabase(job.file, {
    readOnly: !writing,
    allowExtension: false,
    enableForeignKeyConstraints: true,
    timeout: 250,
    limits: {
      length: job.maxBytes,
      sqlLength: 20_000,
      attach: 0,
      exprDepth: 100,
      compoundSelect: 20,
      likePatternLength: 200,
      variableNumber: 100,
      column: 200,
      triggerDepth: 10,
    },
  });
  try {
    database.enableDefensive(true);
    // Sorting and grouping stay in memory, and memory is bounded: a query can
    // neither fill the disk with temporary files nor the machine's memory.
    database.exec(`
      PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;
      PRAGMA temp_store = MEMORY; PRAGMA hard_heap_limit = ${job.maxMemoryBytes};
    `);
    if (!writing) database.exec("PRAGMA query_only = ON");
    // Also when reading: what is known of the schema stays true meanwhile.
    database.exec(writing ? "BEGIN IMMEDIATE" : "BEGIN");
    const result = statement(database, job);
    if (result.changes > job.maxChanges) {
      throw new Error(
        `expected at most ${job.maxChanges} changed rows, got ${result.changes}; nothing was changed`,
      );
    }
    database.exec("COMMIT");
    return result;
  } finally {
    database.close(); // Rolls back what was not committed.
  }
}

function statement(database: Database, job: Job): Rows {
  database.setAuthorizer(authorizer(job, knownTables(database)));
  const prepared = database.prepare(job.sql);
  // What SQLite compiled is the first statement; it says itself how long that was.
  const rest = job.sql.slice(prepared.sourceSQL.length);
  if (!/^[\s;]*$/.test(rest)) throw new Error("expected one statement, got more");
  const columns = prepared.columns().map(({ name }) => name);
  if (columns.length === 0) {
    prepared.run(...job.parameters);
    return { columns, rows: [], truncated: false, changes: changed(database) };
  }
  // Rows are limited by SQLite itself, so that no more are made than wanted.
  // (`iterate()` would do as well, had it not lost errors in some versions.)
  const limited = job.writable === undefined
    ? database.prepare(`SELECT * FROM (${bare(prepared.sourceSQL)}\n) LIMIT ${job.maxRows + 1}`)
    : prepared;
  return { columns, ...collect(limited, job), changes: changed(database) };
}

function knownTables(database: Database): readonly string[] {
  const names = database.prepare(`
    SELECT name FROM sqlite_schema UNION SELECT name FROM pragma_module_list
  `).all() as readonly { readonly name: string }[];
  return names.map(({ name }) => name);
}

/** A statement without its semicolon, to be put in brackets. */
function bare(sql: string): string {
  return sql.replace(/;\s*$/, "");
}

function collect(
  prepared: Statement,
  job: Job,
): { readonly rows: readonly Cell[][]; readonly truncated: boolean } {
  // Arrays, since names may repeat, and may be "__proto__".
  prepared.setReturnArrays(true);
  prepared.setReadBigInts(true);
  const rows: Cell[][] = [];
  let bytes = 0;
  for (const row of prepared.all(...job.parameters)) {
    const cells = (row as unknown[]).map(cell);
    bytes += JSON.stringify(cells).length;
    if (rows.length >= job.maxRows || bytes > job.maxBytes) return { rows, truncated: true };
    rows.push(cells);
  }
  return { rows, truncated: false };
}

/** The connection is new and does one statement: all its changes are that one's. */
function changed(database: Database): number {
  database.setAuthorizer(null);
  return (database.prepare("SELECT total_changes() AS n").all() as { n: number }[])[0]!.n;
}

function cell(value: unknown): Cell {
  if (typeof value === "bigint") {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Uint8Array) return { base64: value.toBase64() };
  return value as string | null;
}
