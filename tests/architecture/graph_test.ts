import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../runtimes/exports.ts";
import { reachable, readGraph, root } from "./graph.ts";
import { ARROWS, layerOf, NATIVE, ROOT_LAYERS } from "./rules.ts";
import { keep, lineAt } from "./source.ts";

const graph = await readGraph();
const config = await readConfig(root);
const entries = Object.values(config.exports).map((path) => path.replace(/^\.\//, ""));

function none(found: readonly string[], rule: string): void {
  assert.deepEqual(found, [], `${rule}\n  ${found.join("\n  ")}`);
}

test("module graph: every import follows an arrow of the architecture", () => {
  const wrong: string[] = [];
  for (const { from, to } of graph.arrows) {
    const [source, target] = [layerOf(from), layerOf(to)];
    if (source === undefined || target === undefined || source === target) continue;
    const allowed = ARROWS[source];
    if (allowed === undefined) wrong.push(`${from}: the folder src/${source} is in no rule`);
    else if (!allowed.includes(target)) wrong.push(`${from}: ${source} -> ${target} (${to})`);
  }
  none(wrong, "these imports point the wrong way:");
});

test("module graph: only the native folders import node: modules", () => {
  const wrong = graph.arrows
    .filter(({ from, to }) => to.startsWith("node:") && !NATIVE.some((rule) => rule.test(from)))
    .map(({ from, to }) => `${from} -> ${to}`);
  none(wrong, "these files must use web APIs only:");
});

test("module graph: only the native folders mention Deno or node: in code", async () => {
  const wrong: string[] = [];
  for (const file of graph.files) {
    if (NATIVE.some((rule) => rule.test(file))) continue;
    const source = await Deno.readTextFile(`${root}/${file}`);
    const code = keep(source, "code");
    for (const { index } of code.matchAll(/\bDeno\b/g)) {
      wrong.push(`${file}:${lineAt(source, index)} uses Deno`);
    }
    const quoted = keep(source, "code", "text");
    for (const { index } of quoted.matchAll(/["'`](?:node:|Deno["'`])/g)) {
      wrong.push(`${file}:${lineAt(source, index)} names node: or Deno`);
    }
  }
  none(wrong, "these files must use web APIs only:");
});

test("src: holds no using declaration, which Node 22 cannot parse", async () => {
  const wrong: string[] = [];
  for (const file of graph.files) {
    const source = await Deno.readTextFile(`${root}/${file}`);
    for (const { index } of keep(source, "code").matchAll(/\busing\s+\w+\s*=/g)) {
      wrong.push(`${file}:${lineAt(source, index)}`);
    }
  }
  none(wrong, "using declarations:");
});

test("module graph: the root export holds only its layers and no package", () => {
  const entry = config.exports["."]?.replace(/^\.\//, "") ?? "mod.ts";
  const wrong = [...reachable(graph, [entry])].filter((file) => {
    const layer = layerOf(file);
    return file !== entry && (layer === undefined || !ROOT_LAYERS.includes(layer));
  });
  none(wrong, "the root export must not load:");
});

test("module graph: no import comes from jsr: or a URL", () => {
  const wrong = graph.arrows.filter(({ to }) => /^(?:jsr|https?):/.test(to))
    .map(({ from, to }) => `${from} -> ${to}`);
  none(wrong, "these imports cannot be resolved everywhere:");
});

test("module graph: every file of src is reached from an export", () => {
  const reached = reachable(graph, entries);
  none(graph.files.filter((file) => !reached.has(file)), "no export leads to:");
});

test("mod.ts: every one is a module doc and explicit named re-exports", async () => {
  const wrong: string[] = [];
  for (const file of graph.files.filter((path) => /(?:^|\/)mod\.ts$/.test(path))) {
    const source = await Deno.readTextFile(`${root}/${file}`);
    if (!/^\/\*\*[\s\S]*?@module\b[\s\S]*?\*\//.test(source)) {
      wrong.push(`${file}: does not begin with a doc comment that has @module`);
    }
    const others = keep(source, "code", "text")
      .replace(/export\s+(?:type\s+)?\{[^}]*\}\s*from\s*"[^"]+";/g, "").trim();
    if (others !== "") wrong.push(`${file}: holds more than re-exports: ${others.split("\n")[0]}`);
  }
  none(wrong, "mod.ts files are a table of contents:");
});
