import assert from "node:assert/strict";
import { test } from "node:test";
import { root } from "./graph.ts";
import { keep } from "./source.ts";

/** The names that a `mod.ts` exports, types among them. */
async function exported(file: string): Promise<Set<string>> {
  const source = keep(await Deno.readTextFile(`${root}/${file}`), "code");
  const names = new Set<string>();
  for (const [, list = ""] of source.matchAll(/\bexport\s+(?:type\s+)?\{([^}]*)\}/g)) {
    for (const item of list.split(",")) {
      const name = item.trim().split(/\s+/).at(-1);
      if (name !== undefined && name !== "") names.add(name);
    }
  }
  return names;
}

for (const folder of ["core", "compose", "middleware", "tools"]) {
  test(`exports: the root export has all of ${folder}`, async () => {
    const all = await exported("mod.ts");
    const missing = [...await exported(`src/${folder}/mod.ts`)].filter((name) => !all.has(name));
    assert.ok(all.size > 100);
    assert.deepEqual(missing, []);
  });
}
