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

/** What stands for a default in code: `name = value` or `name ?? value`. */
const VALUE = String.raw`(?:\w+ === undefined \? )?` +
  String.raw`("[^"]*"|[\d_.]+|Number\.\w+|Math\.\w+(?:\(.*?\))?|[A-Z_]{2,}|\w+\(\{.*?\}\))`;

/** The values that an option has by default somewhere in code. */
function defaults(option: string, code: string): Set<string> {
  const found = code.matchAll(
    new RegExp(`(?<![#\\w]|this\\.)${option} (?:=|\\?\\?) ${VALUE}`, "g"),
  );
  return new Set(Array.from(found, ([, value = ""]) => {
    const constant = new RegExp(`const ${value.replace(/\W.*/s, "")}\\b.*? = (.+?);`).exec(code);
    return plain(/^[A-Z_]+$/.test(value) ? constant?.[1] ?? value : value);
  }));
}

/** A value as comments write it; of one that is kept within bounds, the value itself. */
function plain(value: string): string {
  const kept = /^Math\.m\w+\(\D*(\d+)/.exec(value)?.[1] ?? value;
  return kept.replace("Number.POSITIVE_INFINITY", "Infinity").replace(/(?<=\d)_(?=\d)/g, "");
}

test("options: the defaults that comments tell are those of the code", async () => {
  const files = await expand(root, ["src/middleware/*.ts"]);
  const code = new Map<string, string>();
  for (const file of files) code.set(file, (await read(file)).replace(/\/\*\*.*?\*\//gs, ""));
  const wrong: string[] = [];
  let checked = 0;
  for (const file of files) {
    const told = new Map<string, Set<string>>();
    for (const [, , body = ""] of (await read(file)).matchAll(INTERFACE)) {
      for (const [, doc = "", option = ""] of body.matchAll(OPTION)) {
        const says = /@default \{(.*?)\}\s/s.exec(doc) ?? /Default: (\d+)/.exec(doc);
        // The one default of a clock is that of checkClock().
        if (says === null || option === "clock") continue;
        told.set(option, (told.get(option) ?? new Set()).add(says[1]!));
      }
    }
    // The files of one middleware have one prefix.
    const prefix = file.replace(/(_options|_store)?\.ts$/, "");
    const own = files.filter((one) => one.startsWith(prefix)).map((one) => code.get(one)).join(
      "\n",
    );
    for (const [option, says] of told) {
      checked++;
      const found = defaults(option, own);
      // Some hand an option on to what has the default.
      const is = found.size > 0 ? found : defaults(option, code.get("src/middleware/backoff.ts")!);
      const fits = found.size > 0 ? is.size === says.size : true;
      if (fits && [...says].every((value) => is.has(value))) continue;
      wrong.push(`${file}: ${option} is said to be ${[...says]} by default, and is ${[...is]}`);
    }
  }
  assert.deepEqual(wrong, [], wrong.join("\n"));
  assert.ok(checked > 40, `only ${checked} were found`);
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
