import assert from "node:assert/strict";
import { test } from "node:test";
import { agentRegistry } from "../../../src/registry/mod.ts";
import { jobs } from "../core/fakes.ts";
import { EventLog, testRegistry } from "./support.ts";

const endpoint = "http://127.0.0.1:8080";

test("events() tells what is registered, replaced, unregistered and expired, in order", async () => {
  const { registry, clock } = testRegistry();
  const log = new EventLog(registry);
  await jobs();
  await registry.register({ name: "a", endpoint });
  const previous = await registry.register({ name: "b", endpoint });
  await registry.register({ name: "b", endpoint: "http://two" });
  await registry.unregister("a");
  await registry.unregister("a");
  await registry.heartbeat("b");
  assert.deepEqual(await log.types(), [
    "registered a",
    "registered b",
    "replaced b",
    "unregistered a",
  ]);
  const replaced = log.events[2]!;
  assert.ok(replaced.type === "replaced");
  assert.equal(replaced.previous.id, previous.id);
  await clock.advance(90_000);
  assert.deepEqual(await log.types(), []);
  await clock.advance(1);
  assert.deepEqual(await log.types(), ["expired b"]);
  await log.stop();
  assert.equal(clock.pending, 0);
});

test("events() begins with what there is, whoever has registered it", async () => {
  const { registry, clock, store } = testRegistry();
  await registry.register({ name: "own", endpoint });
  await agentRegistry({ store, clock }).register({ name: "other", endpoint });
  for (let i = 0; i < 2; i++) {
    const log = new EventLog(registry);
    assert.deepEqual(await log.types(), ["registered own", "registered other"]);
    await log.stop();
  }
});

test("events() tells what another registry of the same store does, and what is pruned", async () => {
  const { registry, clock, store } = testRegistry();
  const other = agentRegistry({ store, clock, heartbeatTimeoutMs: 1000 });
  const log = new EventLog(registry);
  await jobs();
  await other.register({ name: "a", endpoint });
  assert.deepEqual(await log.types(), ["registered a"]);
  // Beats that this registry does not see: it has to ask before it says that one has expired.
  for (let i = 0; i < 5; i++) {
    await clock.advance(600);
    await other.heartbeat("a");
  }
  assert.deepEqual(await log.types(), []);
  await clock.advance(1001);
  assert.deepEqual(await log.types(), ["expired a"]);
  await log.stop();
  await registry.close();
});

test("events() of an agent that expired unseen and came back tells both", async () => {
  const { registry, clock } = testRegistry();
  await registry.register({ name: "a", endpoint });
  const before = new EventLog(registry);
  assert.deepEqual(await before.types(), ["registered a"]);
  await before.stop();
  // Nobody reads, so nothing is noticed.
  await clock.advance(90_001);
  const log = new EventLog(registry);
  await registry.register({ name: "a", endpoint });
  assert.deepEqual(await log.types(), ["registered a", "expired a", "registered a"]);
  await log.stop();
});

test("events() loses the oldest for a slow reader, and says how many", async () => {
  const { registry } = testRegistry();
  const events = registry.events({ maxBuffered: 3 });
  await jobs();
  for (let i = 0; i < 10; i++) await registry.register({ name: `a${i}`, endpoint });
  const read = async () => {
    const { value } = await events.next();
    return value.type === "overflow" ? value.dropped : value.registration.name;
  };
  assert.deepEqual([await read(), await read(), await read(), await read()], [7, "a7", "a8", "a9"]);
  await events.return!();
  assert.deepEqual(await events.next(), { done: true, value: undefined });
});

test("events() ends with the signal's reason, and lets go of everything", async () => {
  const { registry, clock } = testRegistry();
  await registry.register({ name: "a", endpoint });
  const controller = new AbortController();
  const events = registry.events({ signal: controller.signal });
  await events.next();
  await jobs();
  const next = events.next();
  assert.equal(clock.pending, 1);
  controller.abort(new Error("enough"));
  await assert.rejects(next, /enough/);
  await assert.rejects(events.next(), /enough/);
  assert.equal(clock.pending, 0);
  const late = registry.events({ signal: AbortSignal.abort(new Error("late")) });
  await assert.rejects(late.next(), /late/);
  assert.equal(clock.pending, 0);
});

test("events() refuses a limit that is none", () => {
  const { registry } = testRegistry();
  assert.throws(() => registry.events({ maxBuffered: 0 }), RangeError);
});

test("events() tells once when the store is lost and when it is back, and what has changed since", async () => {
  const { registry, store, clock } = testRegistry();
  await registry.register({ name: "a", endpoint });
  const log = new EventLog(registry);
  await jobs();
  assert.deepEqual(await log.types(), ["registered a"]);
  store.break();
  await clock.advance(20_000);
  assert.deepEqual(await log.types(), ["degraded"]);
  const asked = store.calls.list!;
  assert.ok(asked <= 10, `${asked} questions in 20 s`);
  const other = agentRegistry({ store: store.inner, clock });
  await other.register({ name: "b", endpoint });
  store.mend();
  await jobs();
  assert.deepEqual(await log.types(), ["recovered", "registered b"]);
  await log.stop();
  await registry.close();
  assert.equal(clock.pending, 0);
});

test("a store that has lost everything does not take away what has not expired", async () => {
  const { registry, store, clock } = testRegistry();
  const log = new EventLog(registry);
  await jobs();
  await registry.register({ name: "a", endpoint });
  await registry.register({ name: "b", endpoint });
  store.break();
  // A server that was restarted knows nothing.
  for (const name of ["a", "b"]) await store.inner.remove({ name, instance: "default" });
  await clock.advance(5_000);
  store.mend();
  await clock.advance(5_000);
  assert.deepEqual(await log.types(), ["registered a", "registered b", "degraded", "recovered"]);
  await assert.rejects(registry.heartbeat("a"), { code: "not_found" });
  // One comes back, with the same endpoint; the other does not.
  await registry.register({ name: "a", endpoint });
  await clock.advance(80_001);
  assert.deepEqual(await log.types(), ["replaced a", "expired b"]);
  await log.stop();
  await registry.close();
});

test("events() that come while the store is listing are newer than its list", async () => {
  const { registry, store, clock } = testRegistry();
  const other = agentRegistry({ store: store.inner, clock });
  await other.register({ name: "old", endpoint });
  const listed = Promise.withResolvers<void>();
  const list = store.list;
  store.list = async () => {
    const found = await list();
    await listed.promise;
    return found;
  };
  const log = new EventLog(registry);
  await jobs();
  await other.register({ name: "new", endpoint });
  await other.unregister("old");
  listed.resolve();
  assert.deepEqual(await log.types(), ["registered new"]);
  await log.stop();
});
