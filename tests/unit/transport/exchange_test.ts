import { test } from "node:test";
import assert from "node:assert/strict";
import { AgenkitError, type Clock, RemoteError, TimeoutError } from "../../../mod.ts";
import { Exchange } from "../../../src/transport/exchange.ts";

/** A clock whose timers are late, as on a machine that is busy. */
function lateClock() {
  const clock = { time: 0 };
  const late: Clock = {
    now: () => clock.time,
    sleep: () => Promise.reject(new Error("unused")),
    schedule: () => ({ cancel: () => {} }),
  };
  return Object.assign(clock, { late });
}

test("Exchange.errorOf() takes it for a timeout when the other side cuts a call whose time is over", () => {
  const clock = lateClock();
  const url = "http://peer.example";
  const exchange = new Exchange(clock.late, {}, "slow");
  exchange.limit(1_000);
  const cuts = [
    new TypeError("connection closed"),
    new AgenkitError("unavailable", "The stream was reset"),
    new RemoteError("cancelled", "The server cancelled it"),
  ];
  const told = new RemoteError("permission_denied", "not you");

  clock.time = 999;
  const codes = () => cuts.map((cut) => (exchange.errorOf(cut, url) as AgenkitError).code);
  assert.deepEqual(codes(), ["unavailable", "unavailable", "cancelled"]);

  clock.time = 1_000;
  for (const cut of cuts) {
    const error = exchange.errorOf(cut, url);
    assert.ok(error instanceof TimeoutError);
    assert.equal(error.message, "'slow' did not answer within 1000 ms");
    assert.equal(error.cause, cut);
  }
  assert.equal(exchange.errorOf(told, url), told, "what was answered is told");

  // While the consumer has its time, nothing is late.
  exchange.pause();
  assert.deepEqual(codes(), ["unavailable", "unavailable", "cancelled"]);
  exchange.end();
});
