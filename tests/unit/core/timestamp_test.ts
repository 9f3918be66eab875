import assert from "node:assert/strict";
import { test } from "node:test";
import { timestamp } from "../../../src/core/timestamp.ts";

/** A small generator with a fixed seed (mulberry32), so that a failure comes back. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function same(ms: number): void {
  assert.equal(timestamp(ms), new Date(ms).toISOString());
}

test("timestamp() is what toISOString() gives, for any time", () => {
  const next = random(1);
  for (let i = 0; i < 5_000; i++) same(Math.floor((next() - 0.5) * 2 * 8.64e15));
  for (let i = 0; i < 5_000; i++) same(Math.floor(next() * 4e12));
  for (let i = 0; i < 2_000; i++) same(-Math.floor(next() * 4e12));
});

test("timestamp() is right around the turns of seconds, years and the epoch", () => {
  const turns = [
    0,
    -1000,
    Date.UTC(2000, 0),
    Date.UTC(2024, 1, 29),
    Date.UTC(2100, 2),
    -62167219200000,
  ];
  for (const turn of [...turns, Date.UTC(9999, 11, 31, 23, 59, 59, 999)]) {
    for (const offset of [-1001, -1000, -999, -100, -10, -1, 0, 1, 9, 10, 99, 100, 999, 1000]) {
      same(turn + offset);
    }
  }
  for (const end of [8.64e15, -8.64e15]) same(end);
});

test("timestamp() does not mix seconds up when time jumps back and forth", () => {
  const times = [1_700_000_000_123, 5, 1_700_000_000_999, 1_700_000_001_000, -1, 1_700_000_000_000];
  for (let round = 0; round < 3; round++) for (const ms of times) same(ms);
});

test("timestamp() cuts fractions off and refuses what is no time", () => {
  assert.equal(timestamp(1234.9), "1970-01-01T00:00:01.234Z");
  assert.equal(timestamp(999.9999), "1970-01-01T00:00:00.999Z");
  for (const bad of [NaN, Infinity, 8.64e15 + 1000]) {
    assert.throws(() => timestamp(bad), RangeError);
    same(1_700_000_000_123);
  }
});

test("timestamp() is now unless told otherwise", () => {
  const before = Date.now();
  const at = Date.parse(timestamp());
  assert.ok(at >= before && at <= Date.now());
});
