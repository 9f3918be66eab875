import assert from "node:assert/strict";
import { test } from "node:test";
import { CODES, isCode } from "../../../src/core/code.ts";

const entries = Object.entries(CODES);

test("CODES has every gRPC status but OK, each once, in order", () => {
  assert.deepEqual(
    entries.map(([, info]) => info.grpc),
    Array.from({ length: 16 }, (_, i) => i + 1),
  );
});

test("CODES uses the canonical gRPC names in snake case", () => {
  const names = "cancelled unknown invalid_argument deadline_exceeded not_found already_exists " +
    "permission_denied resource_exhausted failed_precondition aborted out_of_range " +
    "unimplemented internal unavailable data_loss unauthenticated";
  assert.equal(Object.keys(CODES).join(" "), names);
});

test("CODES gives HTTP statuses of the right family", () => {
  const server = ["unknown", "deadline_exceeded", "unimplemented", "internal", "unavailable"];
  for (const [code, { http }] of entries) {
    const family = server.includes(code) || code === "data_loss" ? 5 : 4;
    assert.equal(Math.floor(http / 100), family, code);
  }
  const exact = { not_found: 404, resource_exhausted: 429, unavailable: 503, unimplemented: 501 };
  for (const [code, http] of Object.entries(exact)) {
    assert.equal(CODES[code as keyof typeof exact].http, http);
  }
});

test("CODES names each wire code once, in upper snake case", () => {
  const wire = entries.flatMap(([, info]) => info.wire);
  assert.equal(new Set(wire).size, wire.length);
  for (const name of wire) assert.match(name, /^[A-Z]+(_[A-Z]+)*$/);
});

test("CODES knows every wire code that Python and Go peers send", () => {
  const known = new Set(entries.flatMap(([, info]) => info.wire));
  const seen = "CONNECTION_FAILED CONNECTION_TIMEOUT CONNECTION_CLOSED INVALID_MESSAGE " +
    "UNSUPPORTED_VERSION MALFORMED_PAYLOAD AGENT_NOT_FOUND AGENT_UNAVAILABLE AGENT_TIMEOUT " +
    "TOOL_NOT_FOUND TOOL_EXECUTION_FAILED REGISTRATION_FAILED DUPLICATE_AGENT INTERNAL_ERROR " +
    "AGENT_ERROR STREAM_ERROR NOT_IMPLEMENTED CANCELLED EXECUTION_ERROR INVALID_REQUEST";
  for (const name of seen.split(" ")) assert.ok(known.has(name), name);
});

test("CODES never asks to retry what cannot get better by itself", () => {
  for (const code of ["cancelled", "invalid_argument", "permission_denied", "unimplemented"]) {
    assert.equal(CODES[code as keyof typeof CODES].retryable, false);
  }
  for (const code of ["unavailable", "resource_exhausted", "deadline_exceeded"]) {
    assert.equal(CODES[code as keyof typeof CODES].retryable, true);
  }
});

test("isCode() knows the table's codes and nothing else", () => {
  for (const [code] of entries) assert.ok(isCode(code));
  for (const other of ["ok", "CANCELLED", "toString", "__proto__", "", 1, null, undefined, {}]) {
    assert.ok(!isCode(other));
  }
});
