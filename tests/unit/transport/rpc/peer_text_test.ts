import { test } from "node:test";
import assert from "node:assert/strict";
import { readTextMap } from "../../../../src/transport/rpc/peer_text.ts";

const TRACE = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "rojo=00f067aa0ba902b7, congo=t61rcWkgMzE",
};

test("readTextMap() reads what JSON.stringify(), Python's str() and Go's %v make of a map", () => {
  assert.deepEqual(readTextMap(JSON.stringify(TRACE)), TRACE);
  assert.deepEqual(
    readTextMap(`{'traceparent': '${TRACE.traceparent}', 'tracestate': '${TRACE.tracestate}'}`),
    TRACE,
  );
  assert.deepEqual(
    readTextMap(`map[traceparent:${TRACE.traceparent} tracestate:${TRACE.tracestate}]`),
    TRACE,
  );
});

test("readTextMap() reads what Python escapes or quotes doubly", () => {
  assert.deepEqual(readTextMap(`{'a': "it's", "b'": 'x\\'y\\\\\\n\\x41\\u00e9\\U0001f600'}`), {
    a: "it's",
    "b'": "x'y\\\nAé😀",
  });
  assert.deepEqual(readTextMap("{}"), {});
  assert.deepEqual(readTextMap("map[]"), {});
});

test("readTextMap() leaves alone what is no map of texts", () => {
  for (
    const text of [
      "",
      "text",
      "[1]",
      "{1}",
      "{'a': 1}",
      "{'a'}",
      "{'a': 'b' 'c'}",
      "map[",
      "map[a]",
      "map[a b:1]",
    ]
  ) assert.equal(readTextMap(text), undefined, text);
});

test("readTextMap() is done with long hostile text at once", () => {
  const started = performance.now();
  for (
    const text of [
      `{${"'".repeat(100_000)}}`,
      `{'${"\\\\".repeat(100_000)}}`,
      `map[${"a:".repeat(100_000)}]`,
      `{${"'a': 'b', ".repeat(50_000)}}`,
      `{${" ".repeat(100_000)}}`,
    ]
  ) readTextMap(text);
  assert.ok(performance.now() - started < 10_000);
});
