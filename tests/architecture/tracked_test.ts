import assert from "node:assert/strict";
import { test } from "node:test";
import { root, trackedFiles } from "./graph.ts";
import { lineAt } from "./source.ts";

/** Absolute paths that exist on one machine only. */
const MACHINE_PATH = /(?<![\w.:/~$}-])\/(?:root|work|home|Users)\/[\w.-]+/g;
/** Where packages are downloaded from: everybody has their own. */
const REGISTRY =
  /\b(?:registry\.(?:npmjs|yarnpkg)|proxy\.golang|files\.pythonhosted)\.\w+|"resolved":/g;

/** The hosts this machine is configured to download from. */
function configuredHosts(): string[] {
  const names = ["NPM_CONFIG_REGISTRY", "npm_config_registry", "PIP_INDEX_URL", "GOPROXY"];
  return names.flatMap((name) => (Deno.env.get(name) ?? "").split(/[,|]/))
    .filter((value) => value.includes("://"))
    .map((value) => new URL(value).hostname)
    .filter((host) => host.includes("."));
}

const texts = new Map<string, string>();
for (const file of await trackedFiles()) {
  const bytes = await Deno.readFile(`${root}/${file}`).catch(() => new Uint8Array());
  if (!bytes.includes(0)) texts.set(file, new TextDecoder().decode(bytes));
}

function findAll(pattern: RegExp): string[] {
  const found: string[] = [];
  for (const [file, text] of texts) {
    for (const { index, 0: hit } of text.matchAll(pattern)) {
      found.push(`${file}:${lineAt(text, index)} ${hit}`);
    }
  }
  return found;
}

test("tracked files: none holds a path of one machine", () => {
  assert.deepEqual(findAll(MACHINE_PATH), []);
});

test("tracked files: none names the registry packages come from", () => {
  const own = "tests/architecture/tracked_test.ts";
  assert.deepEqual(findAll(REGISTRY).filter((hit) => !hit.startsWith(own)), []);
  for (const host of configuredHosts()) {
    const hits = [...texts].filter(([, text]) => text.includes(host)).map(([file]) => file);
    assert.deepEqual(hits, [], `these files name ${host}`);
  }
});

test("tracked files: none imports from jsr:", () => {
  assert.deepEqual(findAll(/(?:from|import\()\s*["']jsr:/g), []);
});
