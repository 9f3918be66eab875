import { test } from "node:test";
import assert from "node:assert/strict";
import { TestClock } from "../../../src/testing/mod.ts";
import { Exchange } from "../../../src/transport/exchange.ts";

test("Exchange tells the time left: of the limit, of the call's deadline, and none for none", () => {
  const clock = new TestClock();
  const at = clock.now();
  const cases = [
    [{}, 1_000, undefined],
    [{ deadline: at + 500 }, 500, 500],
    [{ deadline: at + 2_000 }, 1_000, 2_000],
    [{ deadline: Infinity }, 1_000, undefined],
  ] as const;
  for (const [call, process, stream] of cases) {
    const exchange = new Exchange(clock, call, "x");
    exchange.limit(1_000);
    assert.equal(exchange.timeLeft("process"), process);
    assert.equal(exchange.timeLeft("stream"), stream);
    exchange.end();
  }
});

test("Exchange with no limit and a deadline of Infinity has no timer", () => {
  const clock = new TestClock();
  const exchange = new Exchange(clock, { deadline: Infinity }, "x");
  exchange.limit(Infinity);
  assert.equal(exchange.timeLeft("process"), undefined);
  assert.equal(clock.pending, 0);
  exchange.end();
});
