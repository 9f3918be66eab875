import assert from "node:assert/strict";
import { test } from "node:test";
import { type Code, CODES } from "../../../src/core/code.ts";
import { AgenkitError, RemoteError, TimeoutError } from "../../../src/core/errors.ts";
import { freezeParsed, type JsonObject } from "../../../src/core/json.ts";
import { readError, toAgenkitError, writeError } from "../../../src/protocol/wire_error.ts";

test("toAgenkitError() keeps what is one, and makes one of anything", () => {
  const own = new TimeoutError("slow");
  assert.equal(toAgenkitError(own), own);
  const plain = new Error("broken");
  assert.equal(toAgenkitError(plain).code, "unknown");
  assert.equal(toAgenkitError(plain).message, "broken");
  assert.equal(toAgenkitError(plain).cause, plain);
  assert.equal(toAgenkitError(new DOMException("gone", "AbortError")).code, "cancelled");
  assert.equal(toAgenkitError(new DOMException("slow", "TimeoutError")).code, "deadline_exceeded");
  assert.equal(toAgenkitError(new TypeError("")).message, "TypeError");
  for (const [thrown, text] of [["text", '"text"'], [undefined, "undefined"], [5, "5"]] as const) {
    assert.equal(toAgenkitError(thrown).message, `The agent threw ${text}`);
    assert.equal(toAgenkitError(thrown).code, "unknown");
  }
});

test("readError() of writeError() gives every error back, unary and streamed", () => {
  for (const code of Object.keys(CODES) as Code[]) {
    for (const streaming of [false, true]) {
      for (const retryable of [false, true]) {
        const sent = new AgenkitError(code, "what went wrong", {
          retryable,
          retryAfterMs: 250,
          details: { a: [1] },
        });
        const payload = JSON.parse(JSON.stringify(writeError(sent, streaming))) as JsonObject;
        const got = readError(freezeParsed(payload));
        assert.ok(got instanceof RemoteError);
        assert.equal(got.code, code);
        assert.equal(got.message, "what went wrong");
        assert.equal(got.retryable, retryable);
        assert.equal(got.retryAfterMs, 250);
        assert.deepEqual(got.details, { a: [1] });
      }
    }
  }
});

test("writeError() never tells a stack or a cause", () => {
  const error = new AgenkitError("internal", "broken", { cause: new Error("secret") });
  assert.ok(!JSON.stringify(writeError(error)).includes("secret"));
  assert.deepEqual(Object.keys(writeError(error)), [
    "error_code",
    "error_message",
    "error_details",
  ]);
});

test("writeError() leaves out a hint that is no number", () => {
  for (const retryAfterMs of [NaN, Infinity, -Infinity]) {
    const { error_details } = writeError(new AgenkitError("unavailable", "x", { retryAfterMs }));
    assert.deepEqual(error_details, { code: "unavailable", retryable: true });
  }
});

test("readError() takes the fallback where the peer names no code that is known", () => {
  assert.equal(readError({}, "unavailable").code, "unavailable");
  assert.equal(readError({ error_code: "NEW_ONE" }, "internal").code, "internal");
  assert.equal(readError({ error_code: "CANCELLED" }, "internal").code, "cancelled");
});
