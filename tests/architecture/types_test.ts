import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig, webSafeExports } from "../runtimes/exports.ts";
import { root, trackedFiles } from "./graph.ts";

async function check(args: readonly string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", ...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

test("types: every TypeScript file of the repository type-checks", async () => {
  const files = (await trackedFiles()).filter((file) => /\.tsx?$/.test(file));
  await check(files);
});

test("types: the examples in doc comments type-check", async () => {
  await check(["--doc-only", "mod.ts", "src"]);
});

test("types: the web-safe exports type-check with the libraries of a browser alone", async () => {
  const entries = [...webSafeExports(await readConfig(root)).values()];
  await check(["--config", "deno.web.json", ...entries]);
});
