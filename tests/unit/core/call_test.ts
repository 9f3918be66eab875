import assert from "node:assert/strict";
import { test } from "node:test";
import { earlier, NO_OPTIONS } from "../../../src/core/call.ts";

test("earlier() gives the earlier of two deadlines, either of which may be missing", () => {
  assert.equal(earlier(1, 2), 1);
  assert.equal(earlier(2, 1), 1);
  assert.equal(earlier(undefined, 2), 2);
  assert.equal(earlier(1, undefined), 1);
  assert.equal(earlier(0, undefined), 0);
  assert.equal(earlier(undefined, undefined), undefined);
});

test("NO_OPTIONS asks for nothing and cannot be changed", () => {
  assert.deepEqual(NO_OPTIONS, {});
  assert.throws(() => (NO_OPTIONS as { deadline: number }).deadline = 1, TypeError);
});
