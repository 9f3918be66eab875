import { test } from "node:test";
import assert from "node:assert/strict";
import { BASELINE, findBuf, ROOT } from "./buf.ts";
import { GENERATED } from "./generated.ts";

const buf = await findBuf();
const skip = "missing" in buf ? buf.missing : false;
const inCI = Deno.env.get("CI") === "true";

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

test("proto: has its toolchain", { skip: inCI ? false : skip }, () => {
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

for (const { folder, find, args } of GENERATED) {
  const generator = await find();
  const missing = "missing" in generator ? generator.missing : false;
  const options = { skip: inCI ? false : missing };
  test(`proto: ${folder} is fresh: else run \`deno task gen\``, options, async () => {
    if ("missing" in generator) return assert.fail(generator.missing);
    const made = await Deno.makeTempDir();
    try {
      await generator(...args, "--output", made);
      assert.deepEqual(await textsOf(`${made}/${folder}`), await textsOf(`${ROOT}/${folder}`));
    } finally {
      await Deno.remove(made, { recursive: true });
    }
  });
}
