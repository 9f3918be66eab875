import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSize, MAX_MESSAGE_BYTES, tooLarge } from "../../../src/protocol/limits.ts";

test("MAX_MESSAGE_BYTES is 10 MiB", () => {
  assert.equal(MAX_MESSAGE_BYTES, 10_485_760);
});

test("checkSize() counts bytes of UTF-8, inclusively", () => {
  checkSize("The request", "x".repeat(100), 100);
  checkSize("The request", "é".repeat(50), 100);
  checkSize("The request", "世".repeat(33), 99);
  checkSize("The request", "😀".repeat(25), 100);
  for (const [value, size] of [["x".repeat(101), 101], ["é".repeat(51), 102]] as const) {
    assert.throws(() => checkSize("The request", value, 100), {
      code: "resource_exhausted",
      retryable: false,
      message: `The request is too large: expected at most 100 bytes, got ${size}`,
    });
  }
});

test("tooLarge() says more where the size is not known", () => {
  assert.equal(
    tooLarge("An event", 5).message,
    "An event is too large: expected at most 5 bytes, got more",
  );
});
