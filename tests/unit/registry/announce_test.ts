import assert from "node:assert/strict";
import { test } from "node:test";
import { announce } from "../../../src/registry/mod.ts";
import { jobs } from "../core/fakes.ts";
import { testRegistry } from "./support.ts";

const init = { name: "a", endpoint: "http://one" };
const random = () => 1;

test("announce() registers, under its endpoint, gives signs of life, and takes out", async () => {
  const { registry, clock, store } = testRegistry();
  const own = await announce(registry, init, { clock, random });
  assert.equal(own.state, "registered");
  assert.equal(own.instance, "http://one");
  assert.equal((await registry.lookup("a"))?.instance, "http://one");
  await clock.advance(600_000);
  assert.equal(store.calls.touch, 20);
  assert.equal(store.calls.put, 1);
  assert.equal(await registry.size(), 1);
  assert.equal(clock.pending, 1);
  await Promise.all([own.stop(), own[Symbol.asyncDispose]()]);
  assert.equal(own.state, "stopped");
  assert.equal(await registry.size(), 0);
  assert.equal(clock.pending, 0);
  assert.equal(store.calls.remove, 1);
});

test("announce() of several endpoints of one name keeps them apart", async () => {
  const { registry, clock } = testRegistry();
  for (const endpoint of ["http://one", "http://two", "http://one"]) {
    await announce(registry, { name: "a", endpoint }, { clock });
  }
  assert.deepEqual((await registry.list("a")).map((one) => one.endpoint), [
    "http://one",
    "http://two",
  ]);
});

test("announce() registers anew what the registry has forgotten", async () => {
  const { registry, clock, store } = testRegistry();
  await announce(registry, init, { clock, random });
  await store.inner.remove({ name: "a", instance: "http://one" });
  assert.equal(await registry.size(), 0);
  await clock.advance(30_000);
  assert.equal(await registry.size(), 1);
  assert.equal(store.calls.put, 2);
});

test("announce() goes on while the registry cannot be reached, with growing pauses, and says so", async () => {
  const { registry, clock, store } = testRegistry();
  const errors: string[] = [];
  store.failing = new Error("no route");
  const own = await announce(registry, init, {
    clock,
    random,
    onError: (error) => {
      errors.push((error as Error).message);
      throw new Error("an observer cannot break it");
    },
  });
  assert.equal(own.state, "retrying");
  assert.match(String(own.error), /no route/);
  await clock.advance(120_000);
  assert.ok(errors.length >= 6 && errors.length <= 12, `${errors.length} attempts in 2 minutes`);
  store.failing = undefined;
  await clock.advance(30_000);
  assert.equal(own.state, "registered");
  assert.equal(own.error, undefined);
  assert.equal(await registry.size(), 1);
  const { put } = store.calls;
  store.failing = new Error("no route");
  await clock.advance(30_000);
  assert.equal(own.state, "retrying");
  // It may well have been forgotten, but is registered still.
  store.failing = undefined;
  await clock.advance(2_000);
  assert.equal(own.state, "registered");
  assert.equal(store.calls.put, put);
});

test("announce() that is stopped while it registers leaves nothing behind", async () => {
  const { registry, clock, store } = testRegistry({ storeTimeoutMs: 1000 });
  const own = await announce(registry, init, { clock, random });
  await store.inner.remove({ name: "a", instance: "http://one" });
  store.hanging = true;
  await clock.advance(30_000);
  const stopped = own.stop();
  await jobs();
  store.hanging = false;
  await clock.advance(1_000);
  await stopped;
  assert.equal(await registry.size(), 0);
  assert.equal(own.state, "stopped");
  await clock.advance(100_000);
  assert.equal(await registry.size(), 0);
  assert.equal(clock.pending, 0);
});

test("announce() that cannot be taken out stops anyway", async () => {
  const { registry, clock, store } = testRegistry();
  const own = await announce(registry, init, { clock });
  store.failing = new Error("no route");
  await own.stop();
  assert.match(String(own.error), /no route/);
  assert.equal(clock.pending, 0);
});

test("announce() takes out before the server drains, and leaves callers time to hear of it", async () => {
  const { registry, clock } = testRegistry();
  const hooks = new Set<() => Promise<void>>();
  const server = {
    onDrain(callback: () => Promise<void>) {
      hooks.add(callback);
      return () => void hooks.delete(callback);
    },
  };
  await announce(registry, init, { clock, server });
  const [hook] = hooks;
  let done = false;
  void hook!().then(() => done = true);
  await clock.advance(199);
  assert.equal(await registry.size(), 0);
  assert.equal(hooks.size, 0);
  assert.equal(done, false);
  await clock.advance(1);
  assert.equal(done, true);
});

test("announce() comes at other times than all the others", async () => {
  const { registry, clock, store } = testRegistry();
  let seed = 1;
  const random = () => (seed = seed * 16807 % 2147483647) / 2147483647;
  for (let i = 0; i < 100; i++) {
    await announce(registry, { name: "a", endpoint: `http://${i}` }, { clock, random });
  }
  await clock.advance(26_999);
  assert.equal(store.calls.touch, undefined);
  let most = 0;
  for (let before = 0, i = 0; i < 30; i++) {
    await clock.advance(100);
    const beats = store.calls.touch ?? 0;
    most = Math.max(most, beats - before);
    before = beats;
  }
  assert.ok(most <= 15, `${most} of 100 within 100 ms`);
});

test("announce() refuses bad arguments at once", async () => {
  const { registry } = testRegistry();
  await assert.rejects(announce({} as never, init), /expected a registry/);
  await assert.rejects(announce(registry, { name: "", endpoint: "http://x" }), TypeError);
  await assert.rejects(announce(registry, init, { intervalMs: 0 }), RangeError);
  await assert.rejects(announce(registry, init, { server: {} as never }), /an 'onDrain' function/);
  await assert.rejects(announce(registry, init, { drainDelayMs: -1 }), RangeError);
  await assert.rejects(announce(registry, init, { onError: 1 as never }), TypeError);
});
