import assert from "node:assert/strict";
import { test } from "node:test";
import { EXCLUSIONS } from "../runtimes/exclusions.ts";
import { matches } from "../runtimes/files.ts";
import { SUITES } from "../suites.ts";
import { trackedFiles } from "./graph.ts";

const files = (await trackedFiles()).filter((file) => file.endsWith("_test.ts"));

test("suites: every test file is in one on each of its runtimes, and never twice", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const found = SUITES.filter(({ files }) => files.some((glob) => matches(file, glob)));
    if (found.length === 0) wrong.push(`${file} is in no suite of tests/suites.ts`);
    const names = found.map((suite) => suite.runtime.name);
    if (new Set(names).size < names.length) {
      wrong.push(`${file} is twice in ${found.map((suite) => suite.name).join(", ")}`);
    }
  }
  assert.deepEqual(wrong, [], wrong.join("\n"));
});

test("suites: no two have the same name", () => {
  const names = SUITES.map((suite) => suite.name);
  assert.equal(new Set(names).size, names.length);
});

test("exclusions: every one has a reason", () => {
  assert.deepEqual(EXCLUSIONS.filter(({ reason }) => reason.trim() === ""), []);
});
