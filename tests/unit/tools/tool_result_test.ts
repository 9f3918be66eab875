import assert from "node:assert/strict";
import { test } from "node:test";
import { message } from "../../../src/core/mod.ts";
import { isToolResult, toolFailure, toolSuccess } from "../../../src/tools/mod.ts";
import { toToolResult } from "../../../src/tools/mod.ts";

test("toolSuccess() has all four keys, with null for the error", () => {
  const expected = { success: true, data: { n: 1 }, error: null, metadata: { ms: 3 } };
  assert.deepEqual(toolSuccess({ n: 1 }, { ms: 3 }), expected);
  assert.equal(JSON.stringify(toolSuccess({ n: 1 }, { ms: 3 })), JSON.stringify(expected));
  assert.deepEqual(toolSuccess(), { success: true, data: null, error: null, metadata: {} });
});

test("toolSuccess() keeps falsy data, which Go leaves out", () => {
  for (const data of [0, "", false, null]) {
    assert.equal(JSON.parse(JSON.stringify(toolSuccess(data))).data, data);
  }
});

test("toolFailure() has all four keys, with null for the data", () => {
  assert.deepEqual(toolFailure("Division by zero"), {
    success: false,
    data: null,
    error: "Division by zero",
    metadata: {},
  });
});

test("toolFailure() refuses to fail without saying why", () => {
  assert.throws(() => toolFailure(""), {
    name: "TypeError",
    message: 'Failed ToolResult must have error message: expected a non-empty string, got ""',
  });
  assert.throws(() => toolFailure(undefined as never), /must have error message/);
});

test("toolSuccess() copies and freezes what it is given, all the way down", () => {
  const data = { list: [1] };
  const result = toolSuccess(data, { a: { b: 1 } });
  data.list.push(2);
  assert.deepEqual(result.data, { list: [1] });
  assert.ok(Object.isFrozen(result) && Object.isFrozen(result.metadata.a));
  assert.throws(() => (result.data as typeof data).list.push(3), TypeError);
});

test("toolSuccess() refuses what is not JSON and names the place", () => {
  assert.throws(() => toolSuccess({ at: new Date() } as never), /data\.at/);
  assert.throws(() => toolSuccess(1, { f: () => 1 } as never), /metadata\.f/);
});

test("toToolResult() fills in what Go leaves out", () => {
  assert.deepEqual(toToolResult({ success: true, metadata: null }), toolSuccess());
  assert.deepEqual(toToolResult({ success: false, error: "no" }), toolFailure("no"));
});

test("toToolResult() reads back what was written", () => {
  for (const result of [toolSuccess([1], { a: 1 }), toolFailure("no", { b: 2 })]) {
    assert.deepEqual(toToolResult(JSON.parse(JSON.stringify(result))), result);
  }
});

test("toToolResult() keeps the data of a failure", () => {
  assert.deepEqual(toToolResult({ success: false, data: [1], error: "half" }).data, [1]);
});

test("toToolResult() refuses what is no result", () => {
  for (const value of [null, 5, "x", {}, { success: "yes" }, { data: 1 }]) {
    assert.throws(() => toToolResult(value), /Cannot read a tool result/);
  }
  assert.throws(() => toToolResult({ success: false }), /must have error message/);
  assert.throws(() => toToolResult({ success: false, error: 5 }), /must have error message/);
});

test("isToolResult() tells results from data by their shape", () => {
  assert.ok(isToolResult(toolSuccess(1)));
  assert.ok(isToolResult(JSON.parse(JSON.stringify(toolFailure("no")))));
  assert.ok(!isToolResult({ success: true, rows: [] }));
  assert.ok(!isToolResult({ success: "true" }));
  assert.ok(!isToolResult({ data: 1 }));
  assert.ok(!isToolResult(null));
  assert.ok(!isToolResult([]));
});

test("ToolResult goes into a message as it is", () => {
  const result = toolSuccess({ a: 1 });
  const m = message("agent", result, { tool_results: [result] });
  assert.deepEqual(m.content, result);
});
