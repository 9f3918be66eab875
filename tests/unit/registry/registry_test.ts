import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgenkitError } from "../../../mod.ts";
import { agentRegistry, memoryStore } from "../../../src/registry/mod.ts";
import { TestClock } from "../../../src/testing/mod.ts";
import { testRegistry } from "./support.ts";

const endpoint = "http://127.0.0.1:8080";

test("agentRegistry() registers, looks up, lists and counts", async () => {
  const { registry } = testRegistry();
  const told = await registry.register({
    name: "b",
    endpoint: new URL(endpoint),
    capabilities: ["read"],
    metadata: { zone: "eu" },
  });
  await registry.register({ name: "a", endpoint });
  assert.deepEqual(
    { ...told, id: "", registeredAt: "", lastHeartbeat: "" },
    {
      name: "b",
      instance: "default",
      endpoint: `${endpoint}/`,
      capabilities: ["read"],
      metadata: { zone: "eu" },
      id: "",
      registeredAt: "",
      lastHeartbeat: "",
      timeoutMs: 90_000,
      expiresInMs: 90_000,
    },
  );
  assert.match(told.registeredAt, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
  assert.ok(Object.isFrozen(told) && Object.isFrozen(told.capabilities));
  assert.equal((await registry.lookup("b"))?.id, told.id);
  assert.equal(await registry.lookup("c"), undefined);
  assert.deepEqual((await registry.list()).map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(await registry.list("c"), []);
  assert.equal(await registry.size(), 2);
});

test("agentRegistry() replaces an agent of the same name and instance", async () => {
  const { registry } = testRegistry();
  const first = await registry.register({ name: "a", endpoint: "http://one" });
  const second = await registry.register({ name: "a", endpoint: "http://two" });
  assert.notEqual(first.id, second.id);
  assert.equal((await registry.lookup("a"))?.endpoint, "http://two");
  assert.equal(await registry.size(), 1);
});

test("agentRegistry() keeps instances of one name apart", async () => {
  const { registry } = testRegistry();
  await registry.register({ name: "a", endpoint: "http://y", instance: "y" });
  await registry.register({ name: "a", endpoint: "http://x", instance: "x" });
  assert.equal(await registry.size(), 2);
  assert.deepEqual((await registry.list("a")).map((one) => one.instance), ["x", "y"]);
  assert.equal((await registry.lookup("a"))?.instance, "x");
  assert.equal((await registry.lookup({ name: "a", instance: "y" }))?.endpoint, "http://y");
  assert.equal(await registry.lookup({ name: "a", instance: "z" }), undefined);

  await registry.register({ name: "a", endpoint: "http://usual" });
  assert.equal((await registry.lookup("a"))?.endpoint, "http://usual");
  assert.equal(await registry.unregister("a"), true);
  assert.equal(await registry.unregister({ name: "a", instance: "x" }), true);
  assert.deepEqual((await registry.list()).map((one) => one.instance), ["y"]);
});

test("agentRegistry() says whether there was something to unregister", async () => {
  const { registry } = testRegistry();
  await registry.register({ name: "a", endpoint });
  assert.equal(await registry.unregister("a"), true);
  assert.equal(await registry.unregister("a"), false);
  assert.equal(await registry.unregister("never"), false);
});

test("heartbeat() keeps an agent; of an unknown one it rejects with not_found", async () => {
  const { registry, clock } = testRegistry();
  await registry.register({ name: "a", endpoint });
  for (let i = 0; i < 3; i++) {
    await clock.advance(90_000);
    await registry.heartbeat("a");
  }
  await clock.advance(30_000);
  const found = await registry.lookup("a");
  assert.equal(found?.expiresInMs, 60_000);
  const age = Date.parse(found!.registeredAt) - Date.parse(found!.lastHeartbeat);
  assert.ok(age > 25_000 && age < 35_000, `${age}`);
  await assert.rejects(registry.heartbeat("b"), (error: AgenkitError) => {
    assert.equal(error.code, "not_found");
    assert.equal(error.message, "Agent 'b' is not registered");
    return true;
  });
  await registry.register({ name: "c", endpoint, instance: "1" });
  await assert.rejects(registry.heartbeat("c"), /expected one of the instances 1$/);
  await assert.rejects(registry.heartbeat({ name: "c", instance: "2" }), /\(instance "2"\)/);
});

test("heartbeat() given many times at once asks the store once", async () => {
  const { registry, store } = testRegistry();
  await registry.register({ name: "a", endpoint });
  await Promise.all(Array.from({ length: 1000 }, () => registry.heartbeat("a")));
  assert.equal(store.calls.touch, 1);
  await registry.heartbeat("a");
  assert.equal(store.calls.touch, 2);
});

test("agents are stale when the last sign of life is older than the timeout, not before", async () => {
  const { registry, clock } = testRegistry({ heartbeatTimeoutMs: 1000 });
  await registry.register({ name: "a", endpoint });
  await clock.advance(1000);
  assert.equal(await registry.size(), 1);
  assert.equal(await registry.prune(), 0);
  await clock.advance(1);
  assert.equal(await registry.size(), 0);
  assert.equal(await registry.lookup("a"), undefined);
  await assert.rejects(registry.heartbeat("a"), { code: "not_found" });
  await registry.register({ name: "a", endpoint });
  await registry.register({ name: "b", endpoint });
  await clock.advance(1001);
  assert.equal(await registry.prune(), 2);
  assert.equal(await registry.prune(), 0);
});

test("agentRegistry() sets no timer until it is started, and then a single one", async () => {
  const { registry, clock } = testRegistry();
  await registry.register({ name: "a", endpoint });
  await registry.register({ name: "b", endpoint });
  await registry.list();
  assert.equal(clock.pending, 0);
  registry.start();
  registry.start();
  await clock.advance(0);
  assert.equal(clock.pending, 1);
  registry.stop();
  assert.equal(clock.pending, 0);
  registry.start();
  await clock.advance(0);
  assert.equal(clock.pending, 1);
  await registry.close();
  assert.equal(clock.pending, 0);
});

test("agentRegistry() that is started does not wake up while nothing is registered", async () => {
  const { registry, clock, store } = testRegistry();
  registry.start();
  await clock.advance(3_600_000);
  assert.equal(clock.pending, 0);
  assert.equal(store.calls.list, 1);
  await registry.close();
});

test("agentRegistry() refuses bad registrations, by name", async () => {
  const { registry, store } = testRegistry();
  const bad: [Record<string, unknown> | null, RegExp][] = [
    [null, /expected an object, got null/],
    [{ name: "", endpoint }, /name must not be empty/],
    [{ endpoint }, /'name' must be a string/],
    [{ name: "x".repeat(1025), endpoint }, /'name' must be a string of 1 to 1024/],
    [{ name: "a" }, /'endpoint' must be a string/],
    [{ name: "a", endpoint: "" }, /endpoint must not be empty/],
    [
      { name: "a", endpoint: "localhost" },
      /'endpoint' must be a URL: current value is "localhost"/,
    ],
    [{ name: "a", endpoint, instance: "" }, /instance must not be empty/],
    [{ name: "a", endpoint, capabilities: [1] }, /'capabilities' must be an array of strings/],
    [{ name: "a", endpoint, metadata: { x: () => {} } }, /metadata\.x as JSON: .* a function/],
  ];
  for (const [init, pattern] of bad) {
    await assert.rejects(registry.register(init as never), (error: Error) => {
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, pattern);
      return true;
    });
  }
  await assert.rejects(registry.heartbeat(""), TypeError);
  await assert.rejects(registry.unregister(undefined as never), TypeError);
  assert.equal(store.calls.put, undefined);
});

test("agentRegistry() refuses bad options at construction", () => {
  assert.throws(() => agentRegistry({ heartbeatTimeoutMs: 0 }), RangeError);
  assert.throws(() => agentRegistry({ heartbeatIntervalMs: 90_000 }), RangeError);
  assert.throws(() => agentRegistry({ storeTimeoutMs: -1 }), RangeError);
  assert.throws(() => agentRegistry({ store: {} as never }), /a store with a 'put' function/);
  assert.throws(() => agentRegistry({ random: 1 as never }), TypeError);
  assert.throws(() => agentRegistry(null as never), TypeError);
  assert.throws(() => memoryStore({ maxRegistrations: 0 }), RangeError);
  assert.equal(agentRegistry().heartbeatIntervalMs, 30_000);
  assert.equal(agentRegistry({ heartbeatTimeoutMs: 300 }).heartbeatIntervalMs, 100);
});

test("agentRegistry() turns what the store fails with into unavailable, and waits no longer than told", async () => {
  const { registry, store, clock } = testRegistry({ storeTimeoutMs: 500 });
  store.failing = new Error("no route");
  await assert.rejects(registry.list(), (error: AgenkitError) => {
    assert.equal(error.code, "unavailable");
    assert.equal(error.message, "Cannot list agents: no route");
    assert.equal(error.cause, store.failing);
    return true;
  });
  store.failing = undefined;
  store.hanging = true;
  const slow = assert.rejects(registry.register({ name: "a", endpoint }), {
    code: "unavailable",
    message: "Cannot register agent 'a': Timed out after 500 ms",
  });
  await clock.advance(500);
  await slow;
  assert.equal(clock.pending, 0);
});

test("agentRegistry() that was closed refuses everything", async () => {
  const { registry, store } = testRegistry();
  const events = registry.events();
  const next = events.next();
  registry.agent("a");
  await registry.close();
  await registry.close();
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.equal(store.watchers, 0);
  await assert.rejects(registry.list(), { code: "failed_precondition" });
  assert.throws(() => registry.agent("a"), { code: "failed_precondition" });
  assert.throws(() => registry.events(), { code: "failed_precondition" });
  assert.throws(() => registry.start(), { code: "failed_precondition" });
});

test("memoryStore() takes no more than it may, but replaces, and reuses what has expired", async () => {
  const clock = new TestClock();
  const registry = agentRegistry({
    store: memoryStore({ maxRegistrations: 2, clock }),
    clock,
    heartbeatTimeoutMs: 1000,
  });
  await registry.register({ name: "a", endpoint });
  await registry.register({ name: "b", endpoint });
  await assert.rejects(registry.register({ name: "c", endpoint }), { code: "resource_exhausted" });
  await registry.register({ name: "a", endpoint: "http://other" });
  await clock.advance(1001);
  await registry.register({ name: "c", endpoint });
  assert.equal(await registry.size(), 1);
});
