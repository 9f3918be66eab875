import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8 } from "../../../src/protocol/utf8.ts";

test("decodeUtf8() gives the text of any bytes that are UTF-8", () => {
  for (const text of ["", "a", "é世🌍", "\ufeffx", "\u0000", "\ufffd", "a\ufffdb"]) {
    assert.equal(decodeUtf8(new TextEncoder().encode(text)), text);
  }
});

test("decodeUtf8() refuses what is not UTF-8", () => {
  const bad = [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xef, 0xbf, 0xbd, 0x80]];
  for (const bytes of bad) assert.throws(() => decodeUtf8(new Uint8Array(bytes)), TypeError);
});
