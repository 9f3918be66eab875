import assert from "node:assert/strict";
import { test } from "node:test";
import { expand } from "../runtimes/files.ts";
import { root } from "./graph.ts";

const read = (file: string) => Deno.readTextFile(`${root}/${file}`);

const INTERFACE = /^export interface (\w+Options)\b[^{]*\{\n(.*?)^\}/gms;
const OPTION = /(\/\*\*(?:(?!\*\/).)*\*\/)?\s+readonly (\w+)\?:/gs;

test("options: every one of a middleware says what it is by default", async () => {
  const silent: string[] = [];
  for (const file of await expand(root, ["src/middleware/*.ts"])) {
    for (const [, name, body = ""] of (await read(file)).matchAll(INTERFACE)) {
      for (const [, doc = "", option = ""] of body.matchAll(OPTION)) {
        // Without an observer nobody is told.
        if (/@default|Default:/.test(doc) || option.startsWith("on")) continue;
        silent.push(`${file}: ${name}.${option}`);
      }
    }
  }
  assert.deepEqual(silent, [], silent.join("\n"));
});

/** The numbers in the first column of a table of tests/README.md. */
function listed(readme: string, kind: string): number[] {
  const [, table = ""] = readme.split(new RegExp(`^\\| ${kind} .*\n`, "m"));
  const numbers: number[] = [];
  for (const [, from, to] of table.split("\n\n")[0]!.matchAll(/^\| (\d+)(?:–(\d+))? /gm)) {
    for (let n = Number(from); n <= Number(to ?? from); n++) numbers.push(n);
  }
  return numbers;
}

for (const kind of ["defect", "property"]) {
  test(`tests/README.md: every ${kind} in its list is in the name of a test, and no other`, async () => {
    const named = new Set<number>();
    for (const file of await expand(root, ["tests/unit/**/*.ts", "tests/property/**/*.ts"])) {
      const found = (await read(file)).matchAll(new RegExp(`[(, ]${kind} (\\d+)[,)]`, "g"));
      for (const [, number] of found) named.add(Number(number));
    }
    const numbers = listed(await read("tests/README.md"), kind);
    assert.ok(numbers.length > 0);
    assert.deepEqual([...named].sort((a, b) => a - b), numbers);
  });
}

test("property tests: fast-check comes from tests/property/fc.ts, which sets it up", async () => {
  const wrong: string[] = [];
  for (const file of await expand(root, ["tests/property/*_test.ts"])) {
    if (/from "fast-check"/.test(await read(file))) wrong.push(file);
  }
  assert.deepEqual(wrong, []);
});
