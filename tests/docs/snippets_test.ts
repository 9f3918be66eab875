import assert from "node:assert/strict";
import { test } from "node:test";
import { root } from "../architecture/graph.ts";
import { runProcess } from "../runtimes/process.ts";
import { type Program, programs, readSnippets } from "./snippets.ts";

/** Ignored by git, but not excluded in deno.json: `deno check` passes over what is. */
const FOLDER = "tests/docs/.cache/ts";
const RUN_TIMEOUT_MS = 180_000;

const found = programs(await readSnippets(), ["ts", "typescript"]);

/** Where the code of a program is put; its name says where it comes from. */
function pathOf({ file, line }: Program): string {
  return `${FOLDER}/${file.replaceAll(/[^\w]+/g, "_")}_${line}.ts`;
}

async function deno(...args: string[]): Promise<void> {
  const ended = await runProcess({ command: Deno.execPath(), args }, {
    cwd: root,
    timeoutMs: RUN_TIMEOUT_MS,
  });
  const how = ended.timedOut ? `no end after ${RUN_TIMEOUT_MS / 1000} s` : `exit ${ended.code}`;
  assert.equal(ended.code, 0, `${how}\n${ended.output}`);
}

await Deno.remove(`${root}/${FOLDER}`, { recursive: true }).catch(() => {});
await Deno.mkdir(`${root}/${FOLDER}`, { recursive: true });
for (const program of found) {
  // The empty export makes a module of a snippet that imports nothing.
  await Deno.writeTextFile(`${root}/${pathOf(program)}`, `${program.code}export {};\n`);
}

test("snippets: those of TypeScript type-check", async () => {
  assert.ok(found.length > 0, "README.md and docs hold no TypeScript");
  await deno("check", "--quiet", ...found.map(pathOf));
});

for (const program of found) {
  const { file, line, directive } = program;
  const name = `${file}:${line} runs`;
  if (directive.kind === "skip") {
    test(`${name} (${directive.reason})`, { skip: directive.reason }, () => {});
  } else {
    test(name, () => deno("run", "-A", "--no-check", "--quiet", pathOf(program)));
  }
}

test("snippets: the files made of them are gone", async () => {
  // Whatever stays would be checked by a plain `deno check` as well.
  await Deno.remove(`${root}/${FOLDER}`, { recursive: true });
});
