import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSnippets, programs } from "./snippets.ts";

const FENCE = "```";

test("parseSnippets() finds blocks, their languages, lines and directives", () => {
  const markdown = [
    "# Title",
    `${FENCE}ts`,
    "a();",
    FENCE,
    "<!-- test: continue -->",
    "",
    `${FENCE}ts`,
    "b();",
    FENCE,
    "- in a list",
    `  ${FENCE}sh`,
    "  deno task x",
    `  ${FENCE}`,
    "<!-- test: skip needs two machines -->",
    `${FENCE}ts`,
    FENCE,
  ].join("\n");
  const found = parseSnippets("a.md", markdown);
  assert.deepEqual(
    found.map(({ language, line, code, directive }) => [language, line, code, directive]),
    [
      ["ts", 3, "a();", { kind: "run" }],
      ["ts", 8, "b();", { kind: "continue" }],
      ["sh", 12, "deno task x", { kind: "run" }],
      ["ts", 16, "", { kind: "skip", reason: "needs two machines" }],
    ],
  );
  assert.deepEqual(programs(found, ["ts"]).map(({ code }) => code), ["a();\nb();\n", "\n"]);
});

test("parseSnippets() refuses a directive it does not know", () => {
  const wrong = `<!-- test: skip -->\n${FENCE}ts\n${FENCE}`;
  assert.throws(() => parseSnippets("a.md", wrong), /a\.md:1: expected "skip <reason>"/);
});

test("programs() refuses to continue what is not there", () => {
  const snippets = parseSnippets("a.md", `<!-- test: continue -->\n${FENCE}ts\n${FENCE}`);
  assert.throws(() => programs(snippets, ["ts"]), /a\.md:3: there is no snippet before it/);
});
