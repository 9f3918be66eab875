import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { execute } from "../../examples/tools/lib/sql/execute.ts";
import type { Job } from "../../examples/tools/lib/sql/job.ts";
import { type DatabaseOptions, Reader } from "../../examples/tools/lib/sql/reader.ts";
import { refused, timed, withFolder } from "./tools_support.ts";

const ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";

function withShop(
  use: (file: string, folder: string) => Promise<void>,
  extra = "",
): Promise<void> {
  return withFolder(async (folder) => {
    const file = `${folder}/shop.db`;
    const database = new DatabaseSync(file);
    database.exec(`
      CREATE TABLE item (name TEXT, cents INTEGER);
      CREATE TABLE customer (name TEXT, card TEXT);
      CREATE INDEX cheap ON item (cents);
      CREATE VIEW cards AS SELECT card FROM customer;
      INSERT INTO item VALUES ('tea', 450), ('cake', 300);
      INSERT INTO customer VALUES ('Ada', '4000-SECRET');
      ${extra}
    `);
    database.close();
    await use(file, folder);
  });
}

function ask(options: DatabaseOptions) {
  const reader = new Reader(options);
  return (sql: string, ...parameters: (string | number | null)[]) => reader.query(sql, parameters);
}

/** A job done in this process: what SQLite itself allows, without what is checked before. */
function direct(file: string, sql: string, more: Partial<Job> = {}) {
  return execute({
    file,
    sql,
    parameters: [],
    maxRows: 10,
    maxBytes: 10_000,
    maxChanges: 10,
    maxMemoryBytes: 32 << 20,
    ...more,
  });
}

test("database answers with columns, rows, and values as JSON has them", () =>
  withShop(async (file) => {
    const query = ask({ file });
    assert.deepEqual(await query("SELECT name, cents FROM item WHERE cents > ? ORDER BY 2", 1), {
      columns: ["name", "cents"],
      rows: [["cake", 300], ["tea", 450]],
      truncated: false,
      changes: 0,
    });
    const { rows } = await query("SELECT 9007199254740993, 1e999, x'00ff', NULL, 1.5");
    assert.deepEqual(rows, [["9007199254740993", "Infinity", { base64: "AP8=" }, null, 1.5]]);
    assert.deepEqual(new Reader({ file }).schema().map(({ name }) => name), [
      "cards",
      "customer",
      "item",
    ]);
    assert.deepEqual(new Reader({ file, tables: ["ITEM"] }).schema(), [
      { name: "item", columns: ["name", "cents"] },
    ]);
  }));

test("database binds values: what looks like SQL in them is text", () =>
  withShop(async (file) => {
    const query = ask({ file });
    for (
      const value of ["tea' OR '1'='1", "'; DROP TABLE item; --", "tea\0", "?", "\ud83d\ude00"]
    ) {
      assert.deepEqual((await query("SELECT * FROM item WHERE name = ?", value)).rows, []);
    }
    await refused(() => query("SELECT ?", "a", "b"), "invalid_argument");
    // The tea is still there.
    assert.equal((await query("SELECT * FROM item")).rows.length, 2);
  }));

test("database refuses more than one statement, however they are joined", () =>
  withShop(async (file) => {
    const query = ask({ file });
    for (
      const sql of [
        "SELECT 1; DROP TABLE item",
        "SELECT 1;SELECT 2",
        "SELECT 1; /* ; */ DELETE FROM item",
        "SELECT 1; --\nDELETE FROM item",
        "SELECT ';'; DELETE FROM item",
        "SELECT 1;\u00a0DELETE FROM item",
        "SELECT 1) UNION SELECT card FROM (SELECT * FROM customer",
      ]
    ) await refused(() => query(sql), "invalid_argument");
    await refused(() => query("SELECT 1\0; DELETE FROM item"), "invalid_argument", /NUL/);
    await refused(() => query("SELECT '\ud800'"), "invalid_argument");
    assert.deepEqual((await query("SELECT ';' ;  ;")).rows, [[";"]]);
  }));

test("database cannot be written to by any statement", () =>
  withShop(async (file, folder) => {
    const attacks = [
      "INSERT INTO item VALUES ('x', 1)",
      "UPDATE item SET cents = 0",
      "DELETE FROM item",
      "REPLACE INTO item VALUES ('x', 1)",
      "WITH x AS (SELECT 1) INSERT INTO item SELECT 'x', 1 FROM x",
      "INSERT INTO item VALUES ('x', 1) RETURNING *",
      "DROP TABLE item",
      "CREATE TABLE t (a)",
      "CREATE TEMP TABLE t (a)",
      "CREATE TEMP TRIGGER t AFTER INSERT ON item BEGIN SELECT 1; END",
      "CREATE VIRTUAL TABLE t USING fts5(a)",
      "ALTER TABLE item RENAME TO x",
      "VACUUM",
      `VACUUM INTO '${folder}/copy.db'`,
      "REINDEX",
      "ANALYZE",
      "BEGIN EXCLUSIVE",
      "COMMIT",
      "SAVEPOINT x",
    ];
    for (const sql of attacks) {
      await refused(() => ask({ file })(sql), "invalid_argument");
      assert.throws(() => direct(file, sql), /authoriz|syntax|prohibited|cannot VACUUM/i, sql);
    }
    assert.deepEqual(readdirSync(folder), ["shop.db"]);
    assert.equal((await ask({ file })("SELECT count(*) FROM item")).rows[0]![0], 2);
  }));

test("database refuses ATTACH, PRAGMA, extensions and SQLite's own tables, however they are spelt", () =>
  withShop(async (file, folder) => {
    const attacks = [
      `ATTACH '${folder}/other.db' AS x`,
      "ATTACH ':memory:' AS x",
      "aTtAcH/**/':memory:'/**/AS x",
      "DETACH main",
      "PRAGMA query_only = OFF",
      "PRAGMA writable_schema = ON",
      "pragma\tjournal_mode = DELETE",
      "PRAGMA main.database_list",
      "EXPLAIN PRAGMA query_only = OFF",
      "SELECT * FROM pragma_database_list",
      "SELECT * FROM pragma_table_info('item')",
      "SELECT 1 FROM pragma_function_list",
      "SELECT load_extension('/tmp/evil.so')",
      "SELECT LOAD_EXTENSION('/tmp/evil.so', 'x')",
      "SELECT fts3_tokenizer('x', x'00')",
      "SELECT readfile('/etc/passwd')",
      "SELECT writefile('/tmp/x', 'x')",
      "SELECT edit('x')",
      "SELECT sqlite_compileoption_get(1)",
      "SELECT randomblob(1000)",
      "SELECT sql FROM sqlite_master",
      "SELECT sql FROM sqlite_schema",
      "SELECT 1 FROM SQLITE_TEMP_MASTER",
      'SELECT 1 FROM main."sqlite_master"',
      "SELECT * FROM sqlite_dbpage",
      "SELECT * FROM dbstat",
    ];
    for (const sql of attacks) {
      await refused(() => ask({ file })(sql), "invalid_argument");
      assert.throws(() => direct(file, sql), /authoriz|prohibited|no such|syntax/i, sql);
    }
    assert.deepEqual(readdirSync(folder), ["shop.db"]);
  }));

test("database reads the tables it may and no other, be it by union, view, subquery or comment", () =>
  withShop(async (file) => {
    const query = ask({ file, tables: ["item"] });
    assert.equal((await query("SELECT count(*) FROM Item")).rows[0]![0], 2);
    assert.deepEqual(
      (await query(
        "WITH n AS (SELECT cents FROM item) SELECT count(*), (SELECT count(*) FROM json_each('[1]')) FROM n",
      )).rows,
      [[2, 1]],
    );
    for (
      const sql of [
        "SELECT card FROM customer",
        "SELECT name FROM item UNION SELECT card FROM customer",
        "SELECT name FROM item UNION/**/ALL/**/SELECT/**/card FROM\tcustomer",
        "SELECT (SELECT card FROM customer) FROM item",
        "SELECT 1 FROM item WHERE EXISTS (SELECT 1 FROM customer WHERE card LIKE '4%')",
        "SELECT count(*) FROM customer",
        "SELECT count(*) FROM sqlite_master",
        "SELECT count(*) FROM dbstat",
        "SELECT count(*) FROM pragma_table_list",
        "WITH customer AS (SELECT 1) SELECT count(*) FROM main.customer",
        "SELECT 1 FROM item, customer",
        'SELECT * FROM "customer"',
        "SELECT * FROM [customer]",
        "SELECT * FROM `CUSTOMER`",
        "SELECT * FROM main.customer",
        "WITH item AS (SELECT card FROM customer) SELECT * FROM item",
        "SELECT * FROM cards",
        "SELECT name FROM item ORDER BY (SELECT card FROM customer)",
        "VALUES ((SELECT card FROM customer))",
      ]
    ) await refused(() => query(sql), "invalid_argument");
    // A view does not lend its rights.
    await refused(
      () => ask({ file, tables: ["cards"] })("SELECT * FROM cards"),
      "invalid_argument",
    );
  }));

test("database stops an endless statement and takes its process with it", () =>
  withShop(async (file) => {
    const query = ask({ file, timeoutMs: 400 });
    const ms = await timed(() =>
      refused(() => query(`${ENDLESS} SELECT count(*) FROM n`), "deadline_exceeded", /400 ms/)
    );
    assert.ok(ms < 15_000, `took ${ms} ms`);
    const aborting = new Reader({ file }).query(
      `${ENDLESS} SELECT sum(i) FROM n`,
      [],
      AbortSignal.timeout(150),
    );
    const stopping = await timed(() => assert.rejects(aborting, { name: "TimeoutError" }));
    assert.ok(stopping < 15_000, `took ${stopping} ms`);
    assert.deepEqual((await ask({ file })("SELECT 1")).rows, [[1]]);
  }));

test("database gives as many rows, bytes and as much memory as it should", () =>
  withShop(async (file) => {
    const query = ask({ file, maxRows: 3, maxBytes: 2000, maxMemoryBytes: 16 << 20 });
    const counted = await query(`${ENDLESS} SELECT i FROM n`);
    assert.deepEqual([counted.rows, counted.truncated], [[[1], [2], [3]], true]);
    const wide = await query(
      `${ENDLESS} SELECT printf('%1500c', 'x') FROM n LIMIT 3`,
    );
    assert.deepEqual([wide.rows.length, wide.truncated], [1, true]);
    for (
      const sql of [
        "SELECT printf('%.*c', 100000000, 'x')",
        "SELECT replace(printf('%1000c', 'x'), ' ', printf('%1000c', 'y'))",
        `${ENDLESS} SELECT group_concat(i) FROM (SELECT i FROM n LIMIT 100000)`,
        "SELECT zeroblob(1000000000)",
        `${ENDLESS} SELECT DISTINCT printf('%1000c', i) || i FROM n ORDER BY 1 DESC`,
      ]
    ) await refused(() => query(sql), "invalid_argument");
  }));

test("database refuses statements that are huge, deep, or of many parts", () =>
  withShop(async (file) => {
    const query = ask({ file });
    const ms = await timed(() =>
      refused(() => query(`SELECT ${"1+".repeat(5 << 20)}1`), "resource_exhausted")
    );
    assert.ok(ms < 10_000, `took ${ms} ms`);
    await refused(
      () => query(`SELECT ${"(".repeat(9000)}1${")".repeat(9000)}`),
      "invalid_argument",
    );
    await refused(() => query(`SELECT 1 ${"UNION ALL SELECT 1 ".repeat(500)}`), "invalid_argument");
    await refused(() => query(`SELECT ${"1,".repeat(3000)}1`), "invalid_argument");
    for (const sql of ["", "   ", ";", "--", "/*", "SELECT", "\u200bSELECT 1"]) {
      await refused(() => query(sql), "invalid_argument");
    }
  }));

test("database keeps columns named __proto__, constructor and alike apart from objects", () =>
  withShop(async (file) => {
    const { columns, rows } = await ask({ file })(
      `SELECT 1 AS "__proto__", 2 AS constructor, 3 AS a, 4 AS a`,
    );
    assert.deepEqual([columns, rows], [["__proto__", "constructor", "a", "a"], [[1, 2, 3, 4]]]);
  }));

test("database writes only to the tables named, a bounded number of rows, all or none", () =>
  withShop(async (file) => {
    const query = ask({ file, writable: ["item"], tables: [], maxChanges: 2 });
    assert.equal((await query("INSERT INTO item VALUES (?, ?)", "jam", 200)).changes, 1);
    assert.deepEqual((await query("DELETE FROM item WHERE name = 'jam' RETURNING cents")).rows, [
      [200],
    ]);
    await refused(
      () => query("INSERT INTO item VALUES ('a', 1), ('b', 2), ('c', 3)"),
      "invalid_argument",
      /nothing was changed/,
    );
    for (
      const sql of [
        "DELETE FROM customer",
        "INSERT INTO item SELECT card, 1 FROM customer",
        "UPDATE item SET name = (SELECT card FROM customer)",
        "INSERT INTO sqlite_master VALUES (1,2,3,4,5)",
        "UPDATE sqlite_schema SET sql = ''",
      ]
    ) await refused(() => query(sql), "invalid_argument");
    assert.deepEqual((await query("SELECT count(*) FROM item")).rows, [[2]]);
  }));

test("database rolls back what a killed statement had begun", () =>
  withShop(async (file) => {
    const query = ask({ file, writable: ["item"], timeoutMs: 400, maxMemoryBytes: 256 << 20 });
    await refused(
      () => query(`INSERT INTO item ${ENDLESS} SELECT 'x', i FROM n WHERE i < 0 OR i % 2 = 0`),
      "deadline_exceeded",
    );
    assert.deepEqual((await ask({ file, writable: ["item"] })("SELECT count(*) FROM item")).rows, [[
      2,
    ]]);
  }));

test("database does not let a hostile file's triggers and views do more", () =>
  withShop(
    async (file) => {
      await refused(
        () => ask({ file, writable: ["item"] })("INSERT INTO item VALUES ('x', 1)"),
        "invalid_argument",
      );
      await refused(() => ask({ file })("SELECT * FROM evil"), "invalid_argument");
    },
    `CREATE TRIGGER t AFTER INSERT ON item BEGIN DELETE FROM customer; END;
     CREATE VIEW evil AS SELECT load_extension('/tmp/evil.so') AS x;`,
  ));

test("database refuses what is no database and runs a bounded number of statements at once", () =>
  withShop(async (file, folder) => {
    assert.throws(() => new Reader({ file: `${folder}/missing.db` }));
    assert.equal(existsSync(`${folder}/missing.db`), false, "it is not created");
    assert.throws(() => new Reader({ file: folder }), TypeError);
    await mkdir(`${folder}/d`);
    await symlink("/etc/passwd", `${folder}/d/link.db`);
    await refused(
      () => ask({ file: `${folder}/d/link.db` })("SELECT 1 FROM x"),
      "invalid_argument",
    );
    const reader = new Reader({ file });
    const all = await Promise.allSettled(
      Array.from({ length: 6 }, () => reader.query("SELECT 1", [])),
    );
    assert.equal(all.filter(({ status }) => status === "fulfilled").length, 4);
  }));

test("database's process has no way to the network, other files or programs", () =>
  withShop(async (file) => {
    // The sandbox is Deno's own; here its arguments are what is tested.
    const { sandbox } = await import("../../examples/tools/lib/sql/run_sql.ts");
    const args = sandbox({ file });
    const probe = `
      const tries = {
        read: () => Deno.readTextFileSync("/etc/passwd"),
        write: () => Deno.writeTextFileSync(${JSON.stringify(file)}, ""),
        net: () => Deno.connect({ port: 1 }),
        dns: () => Deno.resolveDns("localhost", "A"),
        run: () => new Deno.Command("true").outputSync(),
        env: () => Deno.env.get("HOME"),
        ffi: () => Deno.dlopen("/lib/x.so", {}),
      };
      const got = [];
      for (const [name, attempt] of Object.entries(tries)) {
        try { await attempt(); got.push(name); }
        catch (error) { if (error.name !== "NotCapable") got.push(name + error.name); }
      }
      console.log(JSON.stringify(got));
    `;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [...args, `data:text/javascript,${encodeURIComponent(probe)}`],
    }).output();
    assert.equal(new TextDecoder().decode(stdout).trim(), "[]");
  }));
