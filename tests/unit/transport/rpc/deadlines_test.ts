import { test } from "node:test";
import assert from "node:assert/strict";
import {
  isBeyondTimers,
  timeoutToSend,
  withoutDeadline,
} from "../../../../src/transport/rpc/deadlines.ts";

test("isBeyondTimers() finds deadlines that timers would take for none", () => {
  for (const value of ["99999999H", "600H", "99999999M", "2147484S"]) {
    assert.equal(isBeyondTimers(new Headers({ "grpc-timeout": value })), true, value);
  }
  for (const value of ["596H", "1S", "99999999m", "99999999u", "99999999n", "soon", "5"]) {
    assert.equal(isBeyondTimers(new Headers({ "grpc-timeout": value })), false, value);
  }
  assert.equal(isBeyondTimers(new Headers({ "connect-timeout-ms": "2147483648" })), true);
  assert.equal(isBeyondTimers(new Headers({ "connect-timeout-ms": "2147483647" })), false);
  assert.equal(isBeyondTimers(new Headers()), false);
});

test("withoutDeadline() leaves the rest as it is", () => {
  const header = new Headers({ "grpc-timeout": "1S", "connect-timeout-ms": "1", other: "x" });
  assert.deepEqual([...withoutDeadline(header)], [["other", "x"]]);
});

test("timeoutToSend() gives whole milliseconds, at least one, and none without an end", () => {
  assert.equal(timeoutToSend(undefined), undefined);
  assert.equal(timeoutToSend(Infinity), undefined);
  assert.equal(timeoutToSend(2 ** 31), undefined);
  assert.equal(timeoutToSend(1.2), 2);
  assert.equal(timeoutToSend(0), 1);
});
