import assert from "node:assert/strict";
import { test } from "node:test";
import { type Code, CODES } from "../../../src/core/code.ts";
import {
  codeFromHttp,
  codeFromWire,
  httpFromCode,
  wireFromCode,
} from "../../../src/protocol/status.ts";

const codes = Object.keys(CODES) as Code[];

test("wireFromCode() and codeFromWire() are inverses", () => {
  for (const code of codes) {
    assert.equal(codeFromWire(wireFromCode(code)), code);
    for (const name of CODES[code].wire) assert.equal(codeFromWire(name), code);
  }
  for (const other of ["", "ok", "unavailable", "constructor", "__proto__"]) {
    assert.equal(codeFromWire(other), undefined);
  }
});

test("httpFromCode() gives the statuses that gRPC's own mapping has", () => {
  const table: Record<Code, number> = {
    cancelled: 499,
    unknown: 500,
    invalid_argument: 400,
    deadline_exceeded: 504,
    not_found: 404,
    already_exists: 409,
    permission_denied: 403,
    resource_exhausted: 429,
    failed_precondition: 400,
    aborted: 409,
    out_of_range: 400,
    unimplemented: 501,
    internal: 500,
    unavailable: 503,
    data_loss: 500,
    unauthenticated: 401,
  };
  for (const code of codes) assert.equal(httpFromCode(code), table[code]);
});

test("codeFromHttp() reads any status", () => {
  const cases: [number, Code][] = [
    [400, "invalid_argument"],
    [401, "unauthenticated"],
    [403, "permission_denied"],
    [404, "not_found"],
    [405, "unimplemented"],
    [408, "deadline_exceeded"],
    [409, "aborted"],
    [413, "resource_exhausted"],
    [415, "invalid_argument"],
    [418, "failed_precondition"],
    [429, "resource_exhausted"],
    [499, "cancelled"],
    [500, "unknown"],
    [501, "unimplemented"],
    [502, "unavailable"],
    [503, "unavailable"],
    [504, "deadline_exceeded"],
    [599, "unknown"],
    [204, "unknown"],
    [302, "unknown"],
  ];
  for (const [status, code] of cases) assert.equal(codeFromHttp(status), code, `${status}`);
});
