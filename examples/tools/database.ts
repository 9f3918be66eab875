/**
 * SQL on an SQLite database, for a model: read-only unless told otherwise, one
 * statement at a time with bound parameters, in a process of its own that is
 * killed when the time is up.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { type Tool, tool } from "@agenkit/agenkit";
import { demo } from "./lib/demo.ts";
import { type DatabaseOptions, Reader } from "./lib/sql/reader.ts";

/** Makes the tool. */
export function database(options: DatabaseOptions): Tool {
  const reader = new Reader(options);
  return tool({
    name: "database",
    description: "Asks an SQLite database. One statement of SQL" +
      (options.writable === undefined ? " that reads" : "") +
      "; values belong into parameters, as ? in the SQL, in order. " +
      "Without sql it gives the tables and their columns.",
    parameters: {
      type: "object",
      properties: {
        sql: { type: "string", maxLength: 20_000 },
        parameters: {
          type: "array",
          maxItems: 100,
          items: { type: ["string", "number", "null"], maxLength: 10_000 },
        },
      },
      additionalProperties: false,
    },
    execute: async ({ sql, parameters = [] }, { signal }) =>
      sql === undefined ? { tables: reader.schema() } : await reader.query(sql, parameters, signal),
  });
}

if (import.meta.main) {
  const folder = await mkdtemp(`${tmpdir()}/agenkit-database-`);
  const file = `${folder}/shop.db`;
  try {
    const setup = new DatabaseSync(file);
    setup.exec(`
      CREATE TABLE item (name TEXT, cents INTEGER);
      CREATE TABLE customer (name TEXT, card TEXT);
      INSERT INTO item VALUES ('tea', 450), ('cake', 300), ('water', 100);
    `);
    setup.close();
    const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    await demo(database({ file, tables: ["item"], timeoutMs: 900 }), [
      ["What there is", {}],
      ["A value is not SQL", {
        sql: "SELECT * FROM item WHERE name = ?",
        parameters: ["tea' OR '1'='1"],
      }],
      ["A question", {
        sql: "SELECT name, cents / 100.0 FROM item WHERE cents > ?",
        parameters: [200],
      }],
      ["Another table", { sql: "SELECT 1 UNION SELECT card FROM customer" }],
      ["Two statements", { sql: "SELECT 1; DROP TABLE item" }],
      ["An endless one", { sql: `${endless} SELECT count(*) FROM n` }],
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
