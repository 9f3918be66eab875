import assert from "node:assert/strict";
import { test } from "node:test";
import { keep } from "./source.ts";

const squeeze = (text: string) => text.replace(/\s+/g, " ").trim();

test("keep() leaves out comments and text, also in templates and regular expressions", () => {
  const source = [
    "/** Deno.one */ a(); // Deno.two",
    "b(\"Deno.three // no comment\", '/* none */');",
    "c(`Deno.four ${Deno.five + `${six}`} Deno.seven`);",
    "const d = /[/*]Deno.eight\\//.test(e) / 2; // Deno.nine",
    "f({ g: 1 }); return /x/;",
  ].join("\n");
  assert.equal(
    squeeze(keep(source, "code")),
    "a(); b( , ); c( Deno.five + six ); const d = .test(e) / 2; f({ g: 1 }); return ;",
  );
});

test("keep() keeps every line where it was", () => {
  const source = "a /* b\n c */ d\n`e\n${f}\n`;\n";
  const lines = (text: string) => text.split("\n").length;
  assert.equal(lines(keep(source, "code")), lines(source));
});
