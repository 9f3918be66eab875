import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { toolRegistry } from "@agenkit/agenkit";
import { allTools } from "./tools_all.ts";

const folder = fileURLToPath(new URL("../../examples/tools/", import.meta.url));
const programs = readdirSync(folder).filter((name) => name.endsWith(".ts"));

test("there are eight example tools", () => {
  assert.equal(programs.length, 8);
});

for (const name of programs) {
  test(`examples/tools/${name} runs, prints its scenarios and ends`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", `${folder}/${name}`],
      stdin: "null",
      signal: AbortSignal.timeout(120_000),
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const scenarios = text.split("\n\n").filter((scenario) => scenario.trim() !== "");
    assert.ok(scenarios.length >= 5, text);
    // Each shows at least one thing that works and one that is refused.
    assert.match(text, /^ {2}-> /m);
    assert.match(text, /^ {2}refused: /m);
    assert.doesNotMatch(text, /Tool '\w+' failed/, "an error was nobody's decision");
  });
}

test("the example tools fit in one registry, and describe their arguments closed", () =>
  allTools((tools) => {
    const registry = toolRegistry(tools);
    assert.equal(registry.list().length, 8);
    for (const { name, description, parameters } of tools) {
      assert.ok(description.length > 20, name);
      assert.equal(parameters?.["type"], "object");
      assert.equal(parameters?.["additionalProperties"], false, name);
    }
    return Promise.resolve();
  }));
