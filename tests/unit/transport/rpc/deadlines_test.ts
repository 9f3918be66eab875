import { test } from "node:test";
import assert from "node:assert/strict";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { systemClock } from "../../../../src/core/clock.ts";
import {
  connectTimeout,
  grpcTimeout,
  takeDeadline,
  timeoutOf,
  timeoutToSend,
} from "../../../../src/transport/rpc/deadlines.ts";

test("timeoutOf() reads the units of gRPC and the milliseconds of Connect", () => {
  const grpc = {
    "2H": 7_200_000,
    "3M": 180_000,
    "1S": 1_000,
    "5m": 5,
    "0S": 0,
    "99999999n": 99.999999,
  };
  for (const [value, ms] of Object.entries(grpc)) {
    assert.equal(timeoutOf(new Headers({ "grpc-timeout": value })), ms, value);
  }
  assert.equal(timeoutOf(new Headers({ "connect-timeout-ms": "1500" })), 1_500);
  for (const value of ["soon", "5", "-1S", "1.5S", "999999999S", ""]) {
    assert.equal(timeoutOf(new Headers({ "grpc-timeout": value })), undefined, value);
    assert.equal(timeoutOf(new Headers({ "connect-timeout-ms": `${value}x` })), undefined, value);
  }
  assert.equal(timeoutOf(new Headers()), undefined);
});

test("timeoutOf() reads what grpcTimeout() and connectTimeout() write", () => {
  for (const ms of [1, 99_999_999, 100_000_000, 2_147_483_000]) {
    for (const write of [grpcTimeout, connectTimeout]) {
      assert.equal(timeoutOf(new Headers([write(ms) as [string, string]])), ms);
    }
  }
});

test("takeDeadline() takes what is kept here and what timers cannot wait for, and leaves the rest", () => {
  const taken = (header: Record<string, string>, kept: boolean) => {
    const call = { header: new Headers(header) } as UniversalServerRequest;
    takeDeadline(call, kept, systemClock);
    return [[...call.header.keys()], call.contextValues !== undefined];
  };
  const rest = ["other"];
  assert.deepEqual(taken({ "grpc-timeout": "1S", other: "x" }, true), [rest, true]);
  assert.deepEqual(taken({ "connect-timeout-ms": "9", other: "x" }, true), [rest, true]);
  assert.deepEqual(taken({ "grpc-timeout": "1S" }, false), [["grpc-timeout"], false]);
  for (const value of ["99999999H", "600H", "99999999M", "2147484S"]) {
    for (const kept of [true, false]) {
      assert.deepEqual(taken({ "grpc-timeout": value, other: "x" }, kept), [rest, false], value);
    }
  }
  for (const value of ["0S", "soon"]) {
    assert.deepEqual(taken({ "grpc-timeout": value }, true), [["grpc-timeout"], false], value);
  }
});

test("timeoutToSend() gives whole milliseconds, at least one, and none without an end", () => {
  assert.equal(timeoutToSend(undefined), undefined);
  assert.equal(timeoutToSend(Infinity), undefined);
  assert.equal(timeoutToSend(2 ** 31), undefined);
  assert.equal(timeoutToSend(1.2), 2);
  assert.equal(timeoutToSend(0), 1);
});
