import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, type Agent, agent, collect, message, text } from "../../../mod.ts";
import { agentRegistry, leastInFlight, roundRobin } from "../../../src/registry/mod.ts";
import { listenMemory } from "../../../src/transport/memory/mod.ts";
import { jobs } from "../core/fakes.ts";
import { down, Fleet, testRegistry } from "./support.ts";

const hello = message("user", "hello");

/** A registry with an agent "a" at so many endpoints, called in turn. */
async function fleet(size: number, options: Record<string, unknown> = {}) {
  const { registry, clock, store } = testRegistry();
  const endpoints = new Fleet();
  for (let i = 1; i <= size; i++) {
    await registry.register({ name: "a", instance: `${i}`, endpoint: `http://${i}` });
  }
  const { connect } = endpoints;
  const called = registry.agent("a", { connect, balance: roundRobin(), ...options });
  const call = async () => text(await called.process(hello)).slice("http://".length);
  return { registry, clock, store, endpoints, called, call };
}

test("agent() resolves at each call: who comes is called, who goes is not", async () => {
  const { registry, call } = await fleet(1);
  assert.equal(await call(), "1");
  await registry.register({ name: "a", instance: "2", endpoint: "http://2" });
  assert.deepEqual([await call(), await call()].sort(), ["1", "2"]);
  await registry.unregister({ name: "a", instance: "1" });
  assert.deepEqual([await call(), await call()], ["2", "2"]);
  await registry.register({ name: "a", instance: "2", endpoint: "http://moved" });
  assert.equal(await call(), "moved");
});

test("agent() of a name that nobody has is unavailable, and works once somebody has it", async () => {
  const { registry } = testRegistry();
  const called = registry.agent("b");
  await assert.rejects(called.process(hello), {
    code: "unavailable",
    message: "No endpoint of agent 'b' is registered",
    retryable: true,
  });
  await assert.rejects(collect(called.stream(hello)), { code: "unavailable" });
  const listener = listenMemory(
    "registry-agent-1",
    agent("b", async function* (m) {
      yield text(m);
      yield "!";
    }),
  );
  await registry.register({ name: "b", endpoint: listener.url, capabilities: ["x"] });
  assert.equal(text(await called.process(hello)), "hello!");
  assert.deepEqual((await collect(called.stream(hello))).map(text), ["hello", "!"]);
  assert.deepEqual(called.capabilities, ["x"]);
  await registry.close();
  await assert.rejects(called.process(hello), { code: "failed_precondition" });
  listener.close();
});

test("agent() stops calling what has expired", async () => {
  const { call, clock, registry } = await fleet(2);
  await clock.advance(80_000);
  await registry.heartbeat({ name: "a", instance: "2" });
  await clock.advance(10_001);
  assert.deepEqual([await call(), await call()], ["2", "2"]);
});

test("agent() asks the store only when something may have expired", async () => {
  const { call, clock, store } = await fleet(2);
  for (let i = 0; i < 100; i++) await call();
  assert.equal(store.calls.list, 1);
  await clock.advance(90_001);
  await assert.rejects(call(), { code: "unavailable" });
  assert.equal(store.calls.list, 2);
});

test("agent() goes on elsewhere when a call was certainly not begun, and says so", async () => {
  const seen: string[] = [];
  const { endpoints, call } = await fleet(3, {
    onFailover: (
      { registration, attempt }: { registration: { instance: string }; attempt: number },
    ) => {
      seen.push(`${registration.instance}:${attempt}`);
      throw new Error("an observer cannot break the call");
    },
  });
  endpoints.failing.set("http://1", down(false));
  endpoints.failing.set("http://2", down(false));
  assert.equal(await call(), "3");
  assert.deepEqual(seen, ["1:1", "2:2"]);
});

test("agent() does not go on when a call may have begun, unless it is allowed to", async () => {
  const careful = await fleet(2);
  careful.endpoints.failing.set("http://1", down());
  await assert.rejects(careful.call(), /down/);
  assert.deepEqual(careful.endpoints.called, ["http://1"]);

  const bold = await fleet(2, { failover: "unavailable" });
  bold.endpoints.failing.set("http://1", down());
  assert.equal(await bold.call(), "2");

  const never = await fleet(2, { failover: "never" });
  never.endpoints.failing.set("http://1", down(false));
  await assert.rejects(never.call(), /down/);
});

test("agent() passes the agent's own errors on, and they speak for the endpoint", async () => {
  const { endpoints, call, called } = await fleet(1, { failover: "unavailable", ejectAfter: 2 });
  endpoints.failing.set("http://1", down());
  await assert.rejects(call(), /down/);
  assert.equal(called.endpoints[0]!.failures, 1);
  endpoints.failing.set("http://1", new AgenkitError("invalid_argument", "what?"));
  await assert.rejects(call(), /what\?/);
  assert.equal(called.endpoints[0]!.failures, 0);
  assert.equal(endpoints.called.length, 2);
});

test("agent() tries no more endpoints than it may, and ends with the last error", async () => {
  const { endpoints, call } = await fleet(5, { maxAttempts: 2 });
  for (let i = 1; i <= 5; i++) endpoints.failing.set(`http://${i}`, down(false));
  await assert.rejects(call(), { code: "unavailable", message: "down" });
  assert.deepEqual(endpoints.called, ["http://1", "http://2"]);

  const few = await fleet(2, { maxAttempts: 10 });
  for (let i = 1; i <= 2; i++) few.endpoints.failing.set(`http://${i}`, down(false));
  await assert.rejects(few.call(), { code: "unavailable", message: "down" });
  assert.deepEqual(few.endpoints.called, ["http://1", "http://2"]);
});

test("agent() does not go on after the deadline, nor after an abort", async () => {
  const { endpoints, called, clock } = await fleet(2);
  endpoints.failing.set("http://1", down(false));
  endpoints.failing.set("http://2", down(false));
  await assert.rejects(called.process(hello, { deadline: clock.now() }), /down/);
  assert.equal(endpoints.called.length, 1);

  const controller = new AbortController();
  const held = Promise.withResolvers<void>();
  for (const url of ["http://1", "http://2"]) endpoints.held.set(url, held);
  const aborted = assert.rejects(called.process(hello, { signal: controller.signal }), /enough/);
  await jobs();
  controller.abort(new Error("enough"));
  held.resolve();
  await aborted;
  assert.equal(endpoints.called.length, 2);
  await assert.rejects(called.process(hello, { signal: controller.signal }), /enough/);
  assert.equal(endpoints.called.length, 2);
});

test("agent() leaves an endpoint alone after failures in a row, twice as long each time", async () => {
  const { endpoints, call, called, clock } = await fleet(2);
  endpoints.failing.set("http://1", down(false));
  for (let i = 0; i < 6; i++) assert.equal(await call(), "2");
  const calls = () => endpoints.called.filter((url) => url === "http://1").length;
  assert.equal(calls(), 3);
  assert.equal(called.endpoints[0]!.state, "ejected");
  await clock.advance(9_999);
  await call();
  assert.equal(calls(), 3);
  await clock.advance(1);
  assert.equal(called.endpoints[0]!.state, "probation");
  await call();
  await call();
  assert.equal(calls(), 4);
  assert.equal(called.endpoints[0]!.state, "ejected");
  await clock.advance(19_999);
  await call();
  await call();
  assert.equal(calls(), 4);
  await clock.advance(1);
  endpoints.failing.clear();
  assert.deepEqual([await call(), await call(), await call(), await call()].sort(), [
    "1",
    "1",
    "2",
    "2",
  ]);
  assert.equal(called.endpoints[0]!.state, "healthy");
});

test("agent() lets one call at a time through to an endpoint on probation", async () => {
  const { endpoints, call, clock } = await fleet(2);
  endpoints.failing.set("http://1", down(false));
  for (let i = 0; i < 6; i++) await call();
  await clock.advance(10_000);
  endpoints.called.length = 0;
  const held = Promise.withResolvers<void>();
  endpoints.held.set("http://1", held);
  endpoints.failing.clear();
  const many = Array.from({ length: 20 }, () => call());
  await jobs();
  assert.equal(endpoints.called.filter((url) => url === "http://1").length, 1);
  held.resolve();
  await Promise.all(many);
});

test("agent() ejects once for many calls that fail together", async () => {
  const { endpoints, call, called, clock } = await fleet(1);
  endpoints.failing.set("http://1", down());
  await Promise.allSettled(Array.from({ length: 50 }, () => call()));
  assert.equal(called.endpoints[0]!.failures, 50);
  await clock.advance(10_000);
  assert.equal(called.endpoints[0]!.state, "probation");
});

test("agent() calls ejected endpoints when there are no others", async () => {
  const { endpoints, call } = await fleet(2, { ejectAfter: 1, failover: "never" });
  for (const url of ["http://1", "http://2"]) endpoints.failing.set(url, down());
  await assert.rejects(call());
  await assert.rejects(call());
  endpoints.failing.clear();
  assert.equal((await call()).length, 1);
});

test("agent() does not take an endpoint that comes and goes for healthy each time", async () => {
  const { registry, endpoints, call, called } = await fleet(2, { ejectAfter: 1 });
  endpoints.failing.set("http://1", down(false));
  await call();
  assert.equal(called.endpoints[0]!.state, "ejected");
  for (let i = 0; i < 50; i++) {
    await registry.unregister({ name: "a", instance: "1" });
    await call();
    await registry.register({ name: "a", instance: "1", endpoint: "http://1" });
    assert.equal(await call(), "2");
  }
  assert.equal(endpoints.called.filter((url) => url === "http://1").length, 1);
});

test("agent() closes the client of an endpoint that has gone when its last call has ended", async () => {
  const { registry, endpoints, call } = await fleet(2);
  const held = Promise.withResolvers<void>();
  endpoints.held.set("http://1", held);
  const running = call();
  await jobs();
  await registry.unregister({ name: "a", instance: "1" });
  await call();
  assert.deepEqual(endpoints.closed, []);
  held.resolve();
  assert.equal(await running, "1");
  await jobs();
  assert.deepEqual(endpoints.closed, ["http://1"]);
  await registry.close();
  assert.deepEqual(endpoints.closed, ["http://1", "http://2"]);
});

test("agent() counts what runs, for balancing", async () => {
  const { endpoints, call, called } = await fleet(3, { balance: leastInFlight() });
  const held = Promise.withResolvers<void>();
  for (let i = 1; i <= 3; i++) endpoints.held.set(`http://${i}`, held);
  const many = Array.from({ length: 30 }, () => call());
  await jobs();
  assert.deepEqual(called.endpoints.map(({ inFlight }) => inFlight), [10, 10, 10]);
  held.resolve();
  await Promise.all(many);
  assert.deepEqual(called.endpoints.map(({ inFlight }) => inFlight), [0, 0, 0]);
});

test("agent() streams: goes on elsewhere before the first chunk, not after it", async () => {
  const { registry } = testRegistry();
  const first = new Map<string, () => AsyncGenerator<string>>();
  const connect = ({ endpoint }: { endpoint: string }): Agent =>
    agent({ name: "s", stream: () => first.get(endpoint)!() });
  for (const one of ["1", "2"]) {
    await registry.register({ name: "s", instance: one, endpoint: `http://${one}` });
  }
  const called = registry.agent("s", { connect, balance: roundRobin() });
  first.set("http://2", async function* () {
    yield "two";
  });
  // deno-lint-ignore require-yield
  first.set("http://1", async function* () {
    throw down(false);
  });
  assert.deepEqual((await collect(called.stream(hello))).map(text), ["two"]);
  first.set("http://1", async function* () {
    yield "one";
    throw down(false);
  });
  const got: string[] = [];
  await assert.rejects(async () => {
    for (let i = 0; i < 2; i++) {
      for await (const chunk of called.stream(hello)) got.push(text(chunk));
    }
  }, /down/);
  assert.equal(got.at(-1), "one");
  assert.deepEqual(called.endpoints.map(({ inFlight }) => inFlight), [0, 0]);
});

test("agent() streams: who breaks off holds nothing, and says nothing about the endpoint", async () => {
  const { registry } = testRegistry();
  let closed = 0;
  await registry.register({ name: "s", endpoint: "http://1" });
  const connect = () =>
    agent({
      name: "s",
      async *stream() {
        try {
          for (;;) yield "on";
        } finally {
          closed++;
        }
      },
    });
  const called = registry.agent("s", { connect });
  for await (const _ of called.stream(hello)) {
    assert.equal(called.endpoints[0]!.inFlight, 1);
    break;
  }
  assert.equal(closed, 1);
  assert.equal(called.endpoints[0]!.inFlight, 0);
  assert.equal(called.endpoints[0]!.failures, 0);
});

test("agent() skips an endpoint that cannot be called at all, and says why if it is the only one", async () => {
  const { registry } = testRegistry();
  await registry.register({ name: "a", endpoint: "carrier-pigeon://coop" });
  const called = registry.agent("a", { balance: roundRobin() });
  await assert.rejects(called.process(hello), (error: AgenkitError) => {
    assert.equal(error.code, "unavailable");
    assert.equal(error.retryable, false);
    assert.match(error.message, /at carrier-pigeon:\/\/coop: .*must begin with one of http:/);
    return true;
  });
  const listener = listenMemory("registry-agent-2", agent("a", () => "yes"));
  await registry.register({ name: "a", instance: "2", endpoint: listener.url });
  for (let i = 0; i < 4; i++) assert.equal(text(await called.process(hello)), "yes");
  listener.close();
});

test("agent() refuses a balancer's choice that is none, and bad options", async () => {
  const { registry, call } = await fleet(1, { balance: () => undefined });
  await assert.rejects(call(), /'balance' must return one of the endpoints/);
  const make = (options: unknown) => () => registry.agent("a", options as never);
  assert.throws(make({ failover: "always" }), /one of not_begun, unavailable, never/);
  assert.throws(make({ maxAttempts: 0 }), RangeError);
  assert.throws(make({ ejectAfter: 1.5 }), RangeError);
  assert.throws(make({ ejectMs: -1 }), RangeError);
  assert.throws(make({ balance: 1 }), TypeError);
  assert.throws(make({ connect: "x" }), TypeError);
  assert.throws(make({ remote: { timeoutMs: 0 } }), RangeError);
  assert.throws(make(null), TypeError);
  assert.throws(() => registry.agent(""), TypeError);
});

test("agent() goes on with the endpoints known last while the store is down, and asks it seldom", async () => {
  const { call, store, clock, registry } = await fleet(2);
  await call();
  store.break();
  for (let i = 0; i < 200; i++) {
    await call();
    await clock.advance(1_000);
  }
  const asked = store.calls.list!;
  assert.ok(asked < 20, `${asked} questions in 200 s`);
  await assert.rejects(registry.agent("b").process(hello), (error: AgenkitError) => {
    assert.match(error.message, /'b' is registered, as far as is known: the registry cannot be/);
    return true;
  });
  store.mend();
  await assert.rejects(call().then(() => jobs()).then(call), { code: "unavailable" });
});

test("agent() that knows nothing yet fails within the store's time", async () => {
  const { store, clock, registry } = testRegistry({ storeTimeoutMs: 300 });
  store.hanging = true;
  const called = registry.agent("a");
  const slow = assert.rejects(called.process(hello), {
    code: "unavailable",
    message: /Timed out after 300 ms/,
  });
  await clock.advance(300);
  await slow;
  // It is not waited for by each call that follows.
  await assert.rejects(called.process(hello), { code: "unavailable" });
  assert.equal(store.calls.watch, 1);

  await clock.advance(60_000);
  const controller = new AbortController();
  const aborted = assert.rejects(called.process(hello, { signal: controller.signal }), /enough/);
  await jobs();
  controller.abort(new Error("enough"));
  await aborted;
});

test("agent() asks beforehand, so that nobody waits for a store that is slow", async () => {
  const { call, store, clock } = await fleet(2);
  await call();
  store.hanging = true;
  await clock.advance(70_000);
  // Asked in the background: there is time.
  assert.equal((await call()).length, 1);
  assert.equal(store.calls.list, 2);
  await clock.advance(2_000);
  store.hanging = false;
  await clock.advance(2_000);
  await call();
  await clock.advance(0);
  assert.equal(store.calls.list, 3);
});

test("agent() waits but a moment for a store that is slow where it knows endpoints that will do", async () => {
  const { call, store, clock, registry } = await fleet(2);
  await call();
  await clock.advance(60_000);
  await registry.register({ name: "a", instance: "3", endpoint: "http://3" });
  await clock.advance(30_001);
  store.hanging = true;
  let answer: string | undefined;
  void call().then((url) => answer = url);
  await clock.advance(99);
  assert.equal(answer, undefined);
  await clock.advance(1);
  assert.equal(answer, "3");
  await clock.advance(2_000);
  // By now it is known that it does not answer: what was known last is better than nothing.
  assert.equal((await call()).length, 1);
  assert.equal(clock.pending, 0);
});

test("agent() does not leave out who has given signs of life to others, while it asks", async () => {
  const { call, store, clock } = await fleet(3);
  const other = agentRegistry({ store: store.inner, clock });
  await call();
  for (let i = 0; i < 20; i++) {
    await clock.advance(30_000);
    for (const instance of ["1", "2", "3"]) await other.heartbeat({ name: "a", instance });
    assert.deepEqual([await call(), await call(), await call()].sort(), ["1", "2", "3"]);
  }
  const asked = store.calls.list!;
  assert.ok(asked <= 25, `${asked} questions in 10 minutes`);
});

test("agent() asks now and then while changes are not told, but the store answers", async () => {
  const { call, store, clock } = await fleet(1);
  const other = agentRegistry({ store: store.inner, clock });
  await call();
  store.deafen();
  for (let i = 2; i <= 4; i++) {
    await clock.advance(500);
    await other.register({ name: "a", instance: `${i}`, endpoint: `http://${i}` });
    await clock.advance(1_000);
    // One call may come before the answer does.
    await call();
    await jobs();
    const seen = new Set<string>();
    for (let j = 0; j < 4; j++) seen.add(await call());
    assert.ok(seen.has(`${i}`), `${i} is not called, ${[...seen].join()} are`);
  }
  const before = store.calls.list!;
  for (let i = 0; i < 100; i++) await call();
  assert.ok(store.calls.list! <= before + 1, "not with each call");
  store.mend();
  await jobs();
  await call();
  const { list } = store.calls;
  await clock.advance(5_000);
  for (let i = 0; i < 10; i++) await call();
  assert.equal(store.calls.list, list);
});

test("agent() without options may be asked for with each call: connections are shared, and closed by the last", async () => {
  const { registry } = testRegistry();
  const listener = listenMemory("registry-agent-3", agent("a", (m) => text(m)));
  await registry.register({ name: "a", endpoint: listener.url });
  const first = registry.agent("a");
  for (let i = 0; i < 100; i++) {
    assert.equal(text(await registry.agent("a").process(hello)), "hello");
  }
  await first.process(hello);
  const [endpoint] = first.endpoints;
  const second = registry.agent("a");
  assert.equal(second.endpoints[0], endpoint);
  await Promise.all([first.close(), first.close()]);
  await assert.rejects(first.process(hello), { code: "failed_precondition" });
  await assert.rejects(collect(first.stream(hello)), { code: "failed_precondition" });
  assert.equal(text(await second.process(hello)), "hello");
  assert.notEqual(registry.agent("b").endpoints, second.endpoints);

  const { registry: other } = testRegistry();
  await other.register({ name: "a", endpoint: listener.url });
  const only = other.agent("a");
  await only.process(hello);
  await only.close();
  assert.equal(text(await other.agent("a").process(hello)), "hello");
  listener.close();
});

test("agent() of endpoints that come and go by the thousand keeps none of them", async () => {
  const { registry, endpoints, call, called } = await fleet(1);
  for (let i = 0; i < 2_000; i++) {
    await registry.register({ name: "a", instance: "flapping", endpoint: `http://flap-${i}` });
    await call();
    await call();
    await registry.unregister({ name: "a", instance: "flapping" });
  }
  await call();
  assert.equal(called.endpoints.length, 1);
  assert.equal(endpoints.closed.length, 2_000);
});

test("agent() waits for a slow store no longer than the call's deadline", async () => {
  const { store, clock, registry } = testRegistry();
  store.hanging = true;
  const call = { deadline: clock.now() + 150 };
  const late = assert.rejects(registry.agent("a").process(hello, call), {
    code: "deadline_exceeded",
  });
  await clock.advance(150);
  await late;
  await clock.advance(2_000);
  assert.equal(clock.pending, 0);
});
