import { test } from "node:test";
import assert from "node:assert/strict";
import { BASELINE, findBuf, GENERATED, ROOT } from "./buf.ts";

const buf = await findBuf();
const skip = "missing" in buf ? buf.missing : false;

function run(...args: string[]): Promise<string> {
  if ("missing" in buf) throw new Error(buf.missing);
  return buf(...args);
}

/** Every file below a folder, by its path in there. */
async function textsOf(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      for (const [name, text] of Object.entries(await textsOf(path))) {
        found[`${entry.name}/${name}`] = text;
      }
    } else found[entry.name] = await Deno.readTextFile(path);
  }
  return found;
}

test("proto: has its toolchain", { skip: Deno.env.get("CI") === "true" ? false : skip }, () => {
  assert.equal(skip, false);
});

test("proto: buf lint finds nothing", { skip }, async () => {
  assert.equal(await run("lint"), "");
});

test("proto: buf format would change nothing", { skip }, async () => {
  assert.equal(await run("format", "--diff"), "");
});

test("proto: buf breaking: what the peers have is as they have it", { skip }, async () => {
  assert.equal(await run("breaking", "--against", BASELINE), "");
});

test("proto: the generated code is fresh: else run `deno task gen`", { skip }, async () => {
  const folder = await Deno.makeTempDir();
  try {
    await run("generate", "--output", folder);
    assert.deepEqual(
      await textsOf(`${folder}/${GENERATED}`),
      await textsOf(`${ROOT}/${GENERATED}`),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
