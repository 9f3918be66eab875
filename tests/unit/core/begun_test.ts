import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  CircuitOpenError,
  neverBegan,
  RateLimitError,
  RemoteError,
} from "../../../mod.ts";

test("neverBegan() is true only where somebody said so, or refused on this side", () => {
  const details = { begun: false };
  assert.equal(neverBegan(new AgenkitError("unavailable", "x", { details })), true);
  assert.equal(neverBegan(new RemoteError("unavailable", "draining", { details })), true);
  assert.equal(neverBegan(new CircuitOpenError("open")), true);
  assert.equal(neverBegan(new RateLimitError("slow down")), true);

  assert.equal(neverBegan(new AgenkitError("unavailable", "x")), false);
  assert.equal(neverBegan(new RemoteError("resource_exhausted", "x")), false);
  for (const begun of [true, null, 0, "false"]) {
    assert.equal(neverBegan(new AgenkitError("unavailable", "x", { details: { begun } })), false);
  }
  for (const other of [undefined, null, "x", new Error("x"), { details }]) {
    assert.equal(neverBegan(other), false);
  }
});
