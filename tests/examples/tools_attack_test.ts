import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import type { JsonObject, Tool } from "@agenkit/agenkit";
import { allTools } from "./tools_all.ts";
import { timed } from "./tools_support.ts";

/** A tool's property that takes text, with what else a call needs. */
const TEXTS: Readonly<Record<string, readonly JsonObject[]>> = {
  calculator: [{ expression: "TEXT" }],
  database: [{ sql: "TEXT" }, { sql: "SELECT ?", parameters: ["TEXT"] }],
  edit: [
    { action: "replace", path: "TEXT", old_text: "a", new_text: "b" },
    { action: "replace", path: "a.md", old_text: "TEXT", new_text: "b" },
    { action: "replace", path: "a.md", old_text: "hello", new_text: "TEXT" },
    { action: "undo", path: "TEXT" },
  ],
  files: [
    { action: "read", path: "TEXT" },
    { action: "list", path: "TEXT" },
    { action: "find", pattern: "TEXT" },
    { action: "write", path: "new.md", content: "TEXT" },
  ],
  git: [
    { subcommand: "TEXT" },
    { subcommand: "log", options: ["TEXT"] },
    { subcommand: "log", revisions: ["TEXT"] },
    { subcommand: "log", paths: ["TEXT"] },
  ],
  processes: [
    { action: "TEXT" },
    { action: "start", program: "sleep", words: ["TEXT"] },
    { action: "signal", id: "TEXT", signal: "SIGKILL" },
  ],
  search: [{ query: "TEXT" }],
  shell: [
    { program: "TEXT" },
    { program: "grep", words: ["TEXT"], paths: ["a.md"] },
    { program: "cat", paths: ["TEXT"] },
    { program: "cat", options: ["TEXT"], paths: ["a.md"] },
  ],
};

function put(args: JsonObject, text: string): JsonObject {
  const entries = Object.entries(args).map(([key, value]) => [
    key,
    value === "TEXT" ? text : Array.isArray(value) && value[0] === "TEXT" ? [text] : value,
  ]);
  return Object.fromEntries(entries);
}

/** Every text of every tool is the given one, in turn. */
async function eachText(
  tools: readonly Tool[],
  text: string,
  check: (tool: Tool, args: JsonObject) => Promise<void>,
): Promise<void> {
  for (const tool of tools) {
    for (const args of TEXTS[tool.name]!) await check(tool, put(args, text));
  }
}

test("every text of every tool of 10 MiB is refused, fast", () =>
  allTools(async (tools) => {
    const text = "(".repeat(10 * 1024 * 1024);
    await eachText(tools, text, async (tool, args) => {
      const ms = await timed(async () => {
        const { success, error = "" } = await tool.execute(args);
        assert.equal(success, false, tool.name);
        assert.ok((error ?? "").length < 1000, "the error does not repeat the text");
      });
      assert.ok(ms < 15_000, `${tool.name} took ${ms} ms`);
    });
  }));

test("arguments nested 10,000 deep are refused by every tool", () =>
  allTools(async (tools) => {
    let deep: JsonObject = {};
    for (let i = 0; i < 10_000; i++) deep = { a: deep };
    for (const tool of tools) {
      assert.equal((await tool.execute({ ...deep })).success, false, tool.name);
      for (const args of TEXTS[tool.name]!) {
        const { success } = await tool.execute({ ...args, extra: deep });
        assert.equal(success, false, tool.name);
      }
    }
  }));

test("keys that are not described are refused, and __proto__ pollutes nothing", () =>
  allTools(async (tools) => {
    for (const tool of tools) {
      for (const key of ["__proto__", "constructor", "prototype", "extra"]) {
        const args = JSON.parse(`{"${key}": {"polluted": true}}`) as JsonObject;
        assert.equal((await tool.execute(args)).success, false, `${tool.name} ${key}`);
      }
      assert.equal((await tool.execute([] as unknown as JsonObject)).success, false);
      assert.equal((await tool.execute(null as unknown as JsonObject)).success, false);
    }
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  }));

test("texts of the wrong kind are refused by every tool", () =>
  allTools(async (tools) => {
    for (const tool of tools) {
      for (const wrong of [1, true, null, { length: 1 }, ["a", ["b"]]]) {
        for (const args of TEXTS[tool.name]!) {
          const broken = Object.fromEntries(
            Object.entries(args).map(([key, value]) => [
              key,
              JSON.stringify(value).includes("TEXT") ? wrong : value,
            ]),
          );
          // Numbers and nothing are values for the database.
          if ("parameters" in broken && !Array.isArray(wrong)) continue;
          const { success } = await tool.execute(broken);
          assert.equal(success, false, `${tool.name} ${JSON.stringify(broken)}`);
        }
      }
    }
  }));

test("no tool shows or changes the secret beside its root, whatever its texts say", () =>
  allTools(async (tools, root) => {
    const attacks = [
      "../secret.txt",
      `${root}/../secret.txt`,
      "a.md/../../secret.txt",
      "..\\secret.txt",
      "../secret.txt\0",
      "$(cat ../secret.txt)",
      "`cat ../secret.txt`",
      "; cat ../secret.txt",
      "--file=../secret.txt",
      "--output=../secret.txt",
      "-f../secret.txt",
      "--no-index ../secret.txt",
      "HEAD:../secret.txt",
      ":(top)../secret.txt",
      "SELECT readfile('../secret.txt')",
      "ATTACH '../secret.txt' AS s",
      "Deno.readTextFileSync('../secret.txt')",
      "__import__('os').system('cat ../secret.txt')",
      "%2e%2e/secret.txt",
      "．．/secret.txt",
      "*/../../*",
    ];
    for (const attack of attacks) {
      await eachText(tools, attack, async (tool, args) => {
        const result = await tool.execute(args);
        assert.doesNotMatch(JSON.stringify(result), /SECRET/, `${tool.name} ${attack}`);
        if (tool.name === "files" && args["action"] === "write" && result.success) {
          await tool.execute({ action: "write", path: "new.md", content: "", overwrite: true });
        }
      });
    }
    assert.equal(await readFile(`${root}/../secret.txt`, "utf8"), "SECRET");
    assert.deepEqual((await readdir(`${root}/..`)).sort(), ["data.db", "root", "secret.txt"]);
  }));

test("errors tell neither the machine's paths nor what cannot be printed", () =>
  allTools(async (tools, root) => {
    for (
      const attack of ["nothing-there", "a.md/x", "\x1b[2Jx", "\u202ex", "x".repeat(500), "\ud800"]
    ) {
      await eachText(tools, attack, async (tool, args) => {
        const { success, error } = await tool.execute(args);
        if (success) return;
        assert.ok(!error!.includes(root) && !error!.includes("/proc/"), `${tool.name}: ${error}`);
        assert.doesNotMatch(error!, /[\p{Cc}\p{Cs}]/u, tool.name);
        // The check of the schema quotes a wrong name as JSON; the tools do more.
        if (!error!.startsWith("Invalid arguments")) assert.doesNotMatch(error!, /\p{Cf}/u);
      });
    }
  }));
