import { ACTION, ANSWER, type Authorizer } from "./sqlite.ts";

/** What a query may touch. */
export interface Grants {
  /** Tables and views that may be read; without it, all but SQLite's own. */
  readonly tables?: readonly string[] | undefined;
  /** Tables whose rows may be added, changed and removed. None by default. */
  readonly writable?: readonly string[] | undefined;
}

/**
 * Functions that depend on their arguments (or the clock) alone. What loads
 * code, reads files, or tells of the engine's inside is not among them.
 */
const FUNCTIONS: ReadonlySet<string> = new Set(
  `abs acos asin atan atan2 avg ceil ceiling char coalesce concat concat_ws cos count cume_dist
   date datetime degrees dense_rank exp first_value floor format glob group_concat hex ifnull iif
   instr json json_array json_array_length json_each json_extract json_group_array
   json_group_object json_object json_type json_valid julianday lag last_value lead length like ln
   log log10 log2 lower ltrim max min mod nth_value ntile nullif percent_rank pi pow power printf
   quote radians random rank replace round row_number rtrim sign sin sqrt strftime string_agg
   substr substring sum tan time timediff total trim trunc typeof unicode unixepoch upper
   -> ->>`.split(/\s+/),
);

/** Table-valued functions, which look like tables. */
const VALUES: ReadonlySet<string> = new Set(["json_each", "json_tree"]);

/**
 * Decides what SQLite may do while it compiles a statement: it asks for each
 * table, column and function, whatever the text looks like, so comments,
 * unions and odd spelling change nothing. An allow-list: ATTACH, PRAGMA,
 * transactions, schema changes and all that is not named are denied.
 *
 * @param known What tables, views and virtual tables there are. SQLite also
 * asks for names that the statement itself has made with WITH; they are no
 * secret, and are told apart by not being among these.
 * @see https://www.sqlite.org/c3ref/set_authorizer.html
 */
export function authorizer(grants: Grants, known: readonly string[]): Authorizer {
  const readable = grants.tables && new Set(grants.tables.map(fold));
  const writable = new Set(grants.writable?.map(fold));
  const existing = new Set(known.map(fold));
  const mayRead = (table: string) =>
    VALUES.has(table) ||
    !isInternal(table) &&
      (readable === undefined || readable.has(table) || writable.has(table) ||
        !existing.has(table));
  const allowed = (action: number, first: string | null, second: string | null): boolean => {
    switch (action) {
      case ACTION.select:
      case ACTION.recursive:
        return true;
      case ACTION.read:
        return mayRead(fold(first ?? ""));
      case ACTION.function:
        return FUNCTIONS.has(fold(second ?? ""));
      case ACTION.insert:
      case ACTION.update:
      case ACTION.delete:
        return writable.has(fold(first ?? ""));
      default:
        return false;
    }
  };
  return (action, first, second) => allowed(action, first, second) ? ANSWER.ok : ANSWER.deny;
}

/** SQLite's names compare without case, in ASCII alone. */
function fold(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Tables that tell of the schema, the pages or the engine's settings. */
function isInternal(table: string): boolean {
  return /^(?:sqlite_|pragma_|dbstat|bytecode|tables_used|fts\w*vocab)/.test(table);
}
