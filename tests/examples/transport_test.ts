import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../examples/transport/", import.meta.url));

for (const name of readdirSync(folder).filter((file) => file.endsWith(".ts"))) {
  test(`examples/transport/${name} runs, prints its scenarios and ends`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", `${folder}/${name}`],
      stdin: "null",
      signal: AbortSignal.timeout(120_000),
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const scenarios = text.split("\n\n").filter((scenario) => scenario.trim() !== "");
    assert.ok(scenarios.length >= 4 && scenarios.length <= 7, text);
    for (const scenario of scenarios) {
      assert.ok(scenario.trim().split("\n").length >= 2, `nothing shown by: ${scenario}`);
    }
  });
}
