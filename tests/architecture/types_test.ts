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

test("types: the web-safe exports type-check with the libraries of a browser alone", async () => {
  const config = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  const folder = `${root}/.cache/test`;
  await Deno.mkdir(folder, { recursive: true });
  // Next to deno.json's own node_modules lookup, but without Deno's globals.
  await Deno.writeTextFile(
    `${folder}/web_deno.json`,
    JSON.stringify({
      imports: config.imports,
      nodeModulesDir: "none",
      lock: false,
      compilerOptions: {
        ...config.compilerOptions,
        lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"],
      },
    }),
  );
  const entries = [...webSafeExports(await readConfig(root)).values()];
  await check(["--config", `${folder}/web_deno.json`, ...entries]);
});
