import assert from "node:assert/strict";
import { test } from "node:test";
import { message } from "../../../src/core/message.ts";
import { withoutToolCalls } from "../../../src/protocol/trust.ts";

test("withoutToolCalls() removes tool calls and nothing else", () => {
  const sent = message("user", "x", { tool_calls: [{ name: "rm" }], tool_results: [], k: 1 });
  const got = withoutToolCalls(sent);
  assert.deepEqual(got.metadata, { tool_results: [], k: 1 });
  assert.equal(got.content, "x");
  assert.equal(got.timestamp, sent.timestamp);
  assert.ok(!("tool_calls" in got.metadata));
});

test("withoutToolCalls() gives a message without them back as it is", () => {
  const sent = message("user", "x", { k: 1 });
  assert.equal(withoutToolCalls(sent), sent);
});
