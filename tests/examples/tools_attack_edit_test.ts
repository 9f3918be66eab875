import assert from "node:assert/strict";
import { link, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { Editor } from "../../examples/tools/lib/text/editor.ts";
import { findAll } from "../../examples/tools/lib/text/find_all.ts";
import { replaceExactly } from "../../examples/tools/lib/text/replace_exactly.ts";
import { refused, timed, withFolder } from "./tools_support.ts";

test("edit replaces one place, or as many as are named, and keeps the mode", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/a`, "x = 1;\ny = 1;\n", { mode: 0o640 });
    const editor = new Editor({ root });
    await editor.replace("a", "x = 1", "x = 2");
    await editor.replace("a", ";", "", 2);
    assert.equal(await readFile(`${root}/a`, "utf8"), "x = 2\ny = 1\n");
    assert.equal((await stat(`${root}/a`)).mode & 0o777, 0o640);
    assert.deepEqual(await readdir(root), ["a"]);
  }));

test("edit refuses an old text that is empty, missing, or there more often than said", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/a`, "aaa bbb bbb\r\nc");
    const editor = new Editor({ root });
    await refused(() => editor.replace("a", "", "x"), "invalid_argument", /empty/);
    await refused(() => editor.replace("a", "zzz", "x"), "invalid_argument", /got 0/);
    await refused(() => editor.replace("a", "bbb", "x"), "invalid_argument", /got more/);
    await refused(() => editor.replace("a", "bbb", "x", 3), "invalid_argument", /got 2/);
    await refused(() => editor.replace("a", "aa", "x"), "invalid_argument", /got more/);
    await refused(() => editor.replace("a", "aa", "x", 2), "invalid_argument", /overlap/);
    await refused(() => editor.replace("a", "bbb\nc", "x"), "invalid_argument", /\\r\\n/);
    await refused(() => editor.replace("a", "bbb", "bbb", 2), "invalid_argument", /old one/);
    await refused(() => editor.replace("a", "c", "\0"), "invalid_argument");
    await refused(() => editor.replace("a", "c", "\ud800"), "invalid_argument");
    assert.equal(await readFile(`${root}/a`, "utf8"), "aaa bbb bbb\r\nc");
  }));

test("edit takes patterns and replacement signs literally", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/a`, "(a+)+$ .*");
    const editor = new Editor({ root });
    await editor.replace("a", "(a+)+$", "$& $1 $$ $`");
    assert.equal(await readFile(`${root}/a`, "utf8"), "$& $1 $$ $` .*");
    await editor.replace("a", ".*", "__proto__");
    assert.equal(await readFile(`${root}/a`, "utf8"), "$& $1 $$ $` __proto__");
  }));

test("findAll() is linear for texts that make searches slow", async () => {
  assert.deepEqual(findAll("abcabcab", "abcab", 10), [0, 3]);
  assert.deepEqual(findAll("aaaa", "aa", 10), [0, 1, 2]);
  assert.deepEqual(findAll("aaaa", "aa", 2), [0, 1]);
  assert.deepEqual(findAll("abc", "abcd", 2), []);
  const text = "a".repeat(1024 * 1024);
  const half = "a".repeat(32 * 1024);
  const ms = await timed(() => {
    for (const wanted of [`b${half}`, `${half}b`, `${half}b${half}`]) {
      assert.deepEqual(findAll(text, wanted, 2), []);
    }
  });
  assert.ok(ms < 15_000, `took ${ms} ms`);
});

test("replaceExactly() refuses a result that explodes before making it", async () => {
  const text = "a".repeat(1000);
  const replacement = { oldText: "a", newText: "b".repeat(65536), count: 1000, maxLength: 1000000 };
  const ms = await timed(() =>
    refused(() => replaceExactly(text, replacement), "resource_exhausted")
  );
  assert.ok(ms < 10_000, `took ${ms} ms`);
});

test("edit refuses files outside, links, hard links, binary and large files", () =>
  withFolder(async (folder) => {
    const root = `${folder}/root`;
    await mkdir(root);
    await writeFile(`${folder}/secret`, "SECRET");
    await symlink("../secret", `${root}/link`);
    await link(`${folder}/secret`, `${root}/hard`);
    await writeFile(`${root}/binary`, new Uint8Array([0x41, 0xff, 0x42]));
    await writeFile(`${root}/large`, "A".repeat(101));
    await writeFile(`${root}/.env`, "A");
    const editor = new Editor({ root, maxBytes: 100 });
    for (const path of ["../secret", `${folder}/secret`, "link", "hard", ".env", "binary", "."]) {
      await refused(() => editor.replace(path, "A", "B"), "permission_denied");
      await refused(() => editor.replace(path, "SECRET", "B"), "permission_denied");
    }
    await refused(() => editor.replace("large", "A", "B"), "resource_exhausted");
    await refused(() => editor.replace("missing", "A", "B"), "not_found");
    assert.equal(await readFile(`${folder}/secret`, "utf8"), "SECRET");
  }));

test("edit takes back, byte for byte, and only what it has written itself", () =>
  withFolder(async (root) => {
    const before = new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0x0d, 0x0a]);
    await writeFile(`${root}/a`, before);
    const editor = new Editor({ root });
    await editor.replace("a", "a", "b");
    await editor.replace("./a", "b", "c");
    await editor.undo("a");
    await editor.undo(".//a");
    assert.deepEqual(new Uint8Array(await readFile(`${root}/a`)), before);
    await refused(() => editor.undo("a"), "invalid_argument", /no edit/);
    await editor.replace("a", "a", "b");
    await writeFile(`${root}/a`, "somebody else's work");
    await refused(() => editor.undo("a"), "permission_denied", /somebody else/);
    assert.equal(await readFile(`${root}/a`, "utf8"), "somebody else's work");
  }));

test("edit remembers a bounded number of edits and bytes", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/a`, "0");
    const editor = new Editor({ root, maxUndo: 3 });
    for (let i = 0; i < 10; i++) await editor.replace("a", String(i), String(i + 1));
    for (let i = 0; i < 3; i++) await editor.undo("a");
    await refused(() => editor.undo("a"), "invalid_argument");
    assert.equal(await readFile(`${root}/a`, "utf8"), "7");
    const small = new Editor({ root, maxUndoBytes: 3 });
    await small.replace("a", "7", "8");
    assert.equal((await small.replace("a", "8", "9")).undoable, 1);
    assert.equal((await small.replace("a", "9", "9999")).undoable, 0);
  }));

test("edit does two edits of one file one after the other", () =>
  withFolder(async (root) => {
    await writeFile(`${root}/a`, "one two three");
    const editor = new Editor({ root });
    await Promise.all([
      editor.replace("a", "one", "1"),
      editor.replace("a", "two", "2"),
      editor.replace("a", "nine", "9").catch(() => {}),
      editor.replace("a", "three", "3"),
    ]);
    assert.equal(await readFile(`${root}/a`, "utf8"), "1 2 3");
  }));
