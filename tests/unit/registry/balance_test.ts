import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Balancer,
  type Endpoint,
  leastInFlight,
  powerOfTwoChoices,
  roundRobin,
} from "../../../src/registry/mod.ts";

function endpoints(...inFlight: number[]): Endpoint[] {
  return inFlight.map((calls, i) => ({
    registration: {
      name: "a",
      instance: String(i),
      endpoint: `http://${i}`,
      capabilities: [],
      metadata: {},
      id: String(i),
      registeredAt: "",
      timeoutMs: 1,
    },
    inFlight: calls,
    failures: 0,
    state: "healthy",
  }));
}

function picks(balance: Balancer, from: readonly Endpoint[], times: number): string {
  return Array.from({ length: times }, () => balance(from).registration.instance).join("");
}

test("roundRobin() takes each in turn, also when their number changes", () => {
  const balance = roundRobin();
  const all = endpoints(0, 0, 0);
  assert.equal(picks(balance, all, 7), "0120120");
  assert.equal(picks(balance, all.slice(1), 3), "121");
  // Whoever was not there for a while does not have to make up for it.
  assert.equal(picks(balance, all, 6), "021021");
  assert.equal(picks(balance, all.slice(0, 1), 2), "00");
});

test("leastInFlight() takes the idlest, of equals each in turn", () => {
  const balance = leastInFlight();
  assert.equal(picks(balance, endpoints(3, 1, 2), 2), "11");
  assert.equal(picks(balance, endpoints(1, 5, 1), 4), "0202");
});

test("powerOfTwoChoices() draws two different ones and takes the less busy", () => {
  const drawn = [0, 0, 0, 0.99, 0.99, 0];
  const balance = powerOfTwoChoices(() => drawn.shift() ?? 0);
  assert.equal(picks(balance, endpoints(5, 1, 0), 1), "1");
  assert.equal(picks(balance, endpoints(5, 1, 0), 1), "2");
  assert.equal(picks(balance, endpoints(5, 1, 9), 1), "0");
  assert.equal(picks(balance, endpoints(7), 3), "000");
});

test("powerOfTwoChoices() never takes the busiest of many, and spreads over the others", () => {
  let seed = 1;
  const balance = powerOfTwoChoices(() => (seed = seed * 16807 % 2147483647) / 2147483647);
  const seen = picks(balance, endpoints(9, 0, 0, 0), 3000);
  assert.ok(!seen.includes("0"));
  for (const one of "123") {
    const share = seen.split(one).length - 1;
    assert.ok(share > 800 && share < 1200, `${one}: ${share}`);
  }
});
