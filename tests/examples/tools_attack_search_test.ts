import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { DocumentIndex } from "../../examples/tools/lib/search/document_index.ts";
import { refused, timed, withFolder } from "./tools_support.ts";

test("search finds words, beginnings and slips, best first", () =>
  withFolder(async (folder) => {
    await mkdir(`${folder}/deep`);
    await writeFile(`${folder}/retry.md`, "# Retry\nBackoff doubles.\n");
    await writeFile(`${folder}/deep/cache.md`, "intro\n\n## Cache\nRetry is mentioned here.\n");
    await writeFile(`${folder}/code.ts`, "retry");
    const index = new DocumentIndex({ folder });
    const { hits, documents } = await index.search("retry", 5);
    assert.equal(documents, 2);
    assert.deepEqual(hits.map(({ path, title }) => [path, title]), [
      ["retry.md", "Retry"],
      ["deep/cache.md", "Cache"],
    ]);
    assert.match(hits[0]!.passage, /Backoff doubles/);
    assert.equal((await index.search("backof", 5)).hits.length, 1);
    assert.equal((await index.search("backofff doubls", 5)).hits.length, 1);
    assert.equal((await index.search("zebra", 5)).hits.length, 0);
  }));

test("search reads nothing through links, nothing hidden, and nothing too large", () =>
  withFolder(async (root) => {
    const folder = `${root}/docs`;
    await mkdir(`${folder}/.private`, { recursive: true });
    await mkdir(`${root}/outside`);
    await writeFile(`${root}/outside/secret.md`, "# SECRET");
    await symlink(`${root}/outside/secret.md`, `${folder}/link.md`);
    await symlink(`${root}/outside`, `${folder}/dir`);
    await writeFile(`${folder}/.private/secret.md`, "# SECRET");
    await writeFile(`${folder}/.secret.md`, "# SECRET");
    await writeFile(`${folder}/large.md`, `# SECRET ${"x".repeat(2000)}`);
    await writeFile(`${folder}/open.md`, "# Open");
    const index = new DocumentIndex({ folder, maxDocumentBytes: 1000 });
    const { hits, documents, left_out } = await index.search("secret open", 10);
    assert.deepEqual([documents, left_out, hits.map(({ path }) => path)], [1, 1, ["open.md"]]);
  }));

test("search refuses queries that are long, empty, or of too many words", () =>
  withFolder(async (folder) => {
    await writeFile(`${folder}/a.md`, "# A");
    const index = new DocumentIndex({ folder });
    for (
      const query of ["x".repeat(201), "", "   ", "*?!", "a ".repeat(50), "x".repeat(10 << 20)]
    ) {
      await refused(() => index.search(query, 5), "invalid_argument");
    }
  }));

test("search takes names that objects have, in documents and queries, for words", () =>
  withFolder(async (folder) => {
    await writeFile(`${folder}/a.md`, "# __proto__\nconstructor toString hasOwnProperty\n");
    await writeFile(`${folder}/__proto__.md`, "# Plain\n");
    await writeFile(`${folder}/constructor.md`, "# Constructor\n");
    const index = new DocumentIndex({ folder });
    for (const query of ["__proto__", "constructor", "toString", "hasOwnProperty", "__proto__ x"]) {
      const { hits } = await index.search(query, 10);
      assert.ok(hits.some(({ path }) => path === "a.md"), query);
    }
    assert.equal(({} as Record<string, unknown>)["a.md"], undefined);
    assert.equal(Object.keys(Object.prototype).length, 0);
  }));

test("search gives a bounded number of short passages, whatever the documents hold", () =>
  withFolder(async (folder) => {
    for (let i = 0; i < 30; i++) {
      await writeFile(`${folder}/d${i}.md`, `# ${"t".repeat(5000)}\n${"word ".repeat(10_000)}`);
    }
    const index = new DocumentIndex({ folder, maxDocuments: 20 });
    const { hits, documents } = await index.search("word", 1000);
    assert.equal(documents, 20);
    assert.equal(hits.length, 10);
    for (const hit of hits) assert.ok(JSON.stringify(hit).length < 700);
  }));

test("search stays fast when every word is similar to every other", () =>
  withFolder(async (folder) => {
    const words = Array.from({ length: 20_000 }, (_, i) => `aaaaaaaa${i.toString(36)}`);
    await writeFile(`${folder}/a.md`, words.join(" "));
    const index = new DocumentIndex({ folder });
    await index.search("warm", 1);
    const query = Array.from({ length: 12 }, (_, i) => `aaaaaaaa${i}zzzz`).join(" ");
    const ms = await timed(() => index.search(query, 10));
    assert.ok(ms < 15_000, `took ${ms} ms`);
  }));
