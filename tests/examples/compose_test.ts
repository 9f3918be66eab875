import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../examples/compose/", import.meta.url));

/** What each example has to print, besides its scenarios: that is what it shows. */
const SHOWN: Readonly<Record<string, readonly string[]>> = {
  "sequential.ts": [
    "Hello world.",
    "2 chunks",
    'RangeError: "Hello" is too short',
    "pipeline[1] > review[1]",
    "rejected with: the user has left",
    "slow began\n",
  ],
  "parallel.ts": [
    "[radar]: Yes, at noon\n  [frog]: Perhaps\n  [almanac]: No",
    "this took less",
    "slow was cancelled",
    "[fast]: Yes",
    "[a]: stored, [c]: stored",
    "broken (position 1) failed: Error: The sensor is wet",
    "2 of 3 say yes, 1 said nothing",
    "100 answers, at most 10 at a time",
    "fast: one",
  ],
  "fallback.ts": [
    "by small model, attempt 2",
    "best model: RateLimitError: Too many requests",
    "retryable: true, after 2000 ms",
    "The question has no end",
    'early: the user reads "A time by which..."',
    'late: the user reads "A time by ", then: Error: connection lost',
    "costly was asked 0 times",
  ],
  "conditional.ts": [
    "Where is my invoice? -> billing (1)",
    "Hello -> reception (default)",
    "a vip: Welcome back!",
    "a vip's bot: How can I help?",
    "nobody: How can I help?",
    "I am so sorry.",
    "route 1, caused by a TypeError",
    "No condition of 'conditional' matched",
    '["Once ","upon ","a time"]',
  ],
  "router.ts": [
    "fr: Bonjour",
    "__proto__: Hello",
    "What is 6 * 7? -> 42",
    'not_found: The route function of \'desk\' returned an unknown name: expected one of "math", "chat"',
    "HELLO!",
    "[a]: yes, [b]: no",
    "capabilities: sequential, parallel, router",
  ],
  "task.ts": [
    "done after 2 calls: answered",
    "not like that after 1 call",
    "true: The task of agent 'slow' took longer than 20 ms",
    "first: fulfilled, second: rejected",
    "The task was disposed of",
  ],
};

test("examples/compose has an example for each composition, and no other", async () => {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(folder)) files.push(name);
  assert.deepEqual(files.sort(), Object.keys(SHOWN).sort());
});

for (const [name, shown] of Object.entries(SHOWN)) {
  test(`examples/compose/${name} runs, shows its scenarios and ends`, async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", `${folder}/${name}`],
      stdin: "null",
      signal: AbortSignal.timeout(120_000),
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    for (const part of shown) assert.ok(text.includes(part), `not shown: ${part}\nin:\n${text}`);
    const scenarios = text.trim().split("\n\n");
    assert.ok(scenarios.length >= 4, text);
    scenarios.forEach((scenario, i) => assert.match(scenario, new RegExp(`^${i + 1}\\. .+\n  `)));
  });
}
