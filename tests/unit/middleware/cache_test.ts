import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  type Agent,
  agent,
  type CallOptions,
  collect,
  createContextKey,
  createContextValues,
  type Message,
  message,
  text,
  TimeoutError,
  wrap,
} from "../../../src/core/mod.ts";
import { cache } from "../../../src/middleware/cache.ts";
import { MemoryCacheStore } from "../../../src/middleware/cache_memory_store.ts";
import type { CacheOptions } from "../../../src/middleware/cache_options.ts";
import type { CacheEntry, CacheStore } from "../../../src/middleware/cache_store.ts";
import { TestClock } from "../../../src/testing/mod.ts";

const hi = message("user", "hi");

/** An agent that answers with the number of its calls, behind a cache. */
function setUp(options: CacheOptions = {}, takesMs = 0) {
  const clock = new TestClock();
  const cached = cache({ clock, ...options });
  const seen: { message: Message; call: CallOptions | undefined }[] = [];
  const inner: Agent = {
    name: "counter",
    capabilities: ["counting"],
    process: async (m, call) => {
      seen.push({ message: m, call });
      const count = seen.length;
      if (takesMs > 0) await clock.sleep(takesMs, call?.signal);
      return message("agent", `${count}`);
    },
  };
  const target = wrap(inner, cached);
  const ask = async (m: Message = hi, call?: CallOptions) => text(await target.process(m, call));
  return { clock, cached, seen, target, ask };
}

function streaming(options: CacheOptions = {}, chunks = 3, takesMs = 10) {
  const clock = new TestClock();
  const cached = cache({ clock, ...options });
  const log = { begun: 0, closed: 0, signals: [] as (AbortSignal | undefined)[] };
  const inner: Agent = {
    name: "streamer",
    process: (m) => Promise.resolve(m),
    stream: async function* (_m, call) {
      const run = ++log.begun;
      log.signals.push(call?.signal);
      try {
        for (let i = 0; i < chunks; i++) {
          if (takesMs > 0) await clock.sleep(takesMs, call?.signal);
          yield message("agent", `${run}.${i}`);
        }
      } finally {
        log.closed++;
      }
    },
  };
  const target = wrap(inner, cached);
  const read = async (m: Message = hi, call?: CallOptions) =>
    (await collect(target.stream!(m, call))).map(text).join(" ");
  return { clock, cached, log, target, read };
}

test("cache() answers the same question once, with the same message", async () => {
  const { cached, target, seen } = setUp();
  const first = await target.process(hi);
  assert.equal(await target.process(message("user", "hi")), first);
  assert.equal(seen.length, 1);
  const m = cached.metrics;
  assert.deepEqual([m.totalRequests, m.cacheHits, m.cacheMisses, m.currentSize], [2, 1, 1, 1]);
  assert.equal(m.hitRate, 0.5);
  assert.equal(m.missRate, 0.5);
});

test("cache() has no rates before the first call", () => {
  assert.equal(cache().metrics.hitRate, undefined);
  assert.equal(cache().metrics.missRate, undefined);
});

test("cache() forgets an answer after five minutes unless told otherwise", async () => {
  const { clock, cached, ask } = setUp();
  await ask();
  await clock.advance(299_999);
  assert.equal(await ask(), "1");
  await clock.advance(1);
  assert.equal(await ask(), "2");
  assert.equal(cached.metrics.expirations, 1);
  assert.equal(cached.metrics.currentSize, 1);
});

test("cache() makes room by dropping what was not used for longest (defect 11)", async () => {
  const { cached, ask } = setUp({ maxEntries: 2 });
  await ask(message("user", "a"));
  await ask(message("user", "b"));
  await ask(message("user", "a"));
  await ask(message("user", "c"));
  assert.equal(cached.metrics.evictions, 1);
  assert.equal(await ask(message("user", "a")), "1");
  assert.equal(await ask(message("user", "b")), "4");
});

test("cache() updates a key in place and evicts nothing for it (defect 11)", async () => {
  const { clock, cached, ask } = setUp({ maxEntries: 2, ttlMs: 10 });
  await ask(message("user", "a"));
  await ask(message("user", "b"));
  await clock.advance(10);
  await ask(message("user", "a"));
  assert.equal(cached.metrics.evictions, 0);
  assert.equal(cached.metrics.currentSize, 2);
});

test("cache() bounds the memory of answers and keeps none that is too large", async () => {
  const store = new MemoryCacheStore({ maxBytes: 10_000 });
  const cached = cache({ store });
  const long = wrap(agent("long", (m) => text(m).repeat(100)), cached);
  for (let i = 0; i < 50; i++) await long.process(message("user", `word${i}`));
  assert.ok(store.bytes <= 10_000 && store.size >= 5, `${store.size} in ${store.bytes}`);
  const { size } = store;
  await long.process(message("user", "x".repeat(100)));
  assert.equal(store.size, size);
  await cached.invalidate();
  assert.equal(store.bytes, 0);
});

test("cache() does not tell apart what differs only in volatile metadata or time (defect 11)", async () => {
  const { ask, seen } = setUp();
  const ids = ["trace_context", "traceparent", "request_id", "requestId", "correlation_id"];
  for (const id of ids) {
    await ask(message("user", "hi", { [id]: crypto.randomUUID(), session: 1 }));
    await ask(message({
      role: "user",
      content: "hi",
      metadata: { session: 1 },
      timestamp: "2020-01-01T00:00:00Z",
    }));
  }
  await ask(message("user", "hi", { session: 1, trace_context: { a: 1 } }));
  assert.equal(seen.length, 1);
});

test("cache() tells types apart: 1 is not the text 1, nor is anything else like another (defect 11)", async () => {
  const { ask, seen } = setUp();
  const questions: [string, Message["content"], Message["metadata"]][] = [
    ["user", "1", {}],
    ["user", 1, {}],
    ["user", [1], {}],
    ["user", ["1"], {}],
    ["user", "[1]", {}],
    ["user", { a: 1 }, {}],
    ["user", { a: "1" }, {}],
    ["user", { a: null }, {}],
    ["user", {}, {}],
    ["user", [], {}],
    ["user", null, {}],
    ["user", "null", {}],
    ["user", true, {}],
    ["user", "true", {}],
    ["user", "", {}],
    ["user", [[], []], {}],
    ["user", [[[]]], {}],
    ["user", ["a", "b"], {}],
    ["user", ['a"b', "c"], {}],
    ["user", ["a", 'b"c'], {}],
    ["user", { a: "b", c: "d" }, {}],
    ["user", { a: 'b1:c"d' }, {}],
    ["user", ['a","b'], {}],
    ["system", "1", {}],
    ["user", "1", { a: 1 }],
    ["user", "1", { a: "1" }],
    ["user", "1", { a: { b: 1 } }],
    ["user", "1", { "a.b": 1 }],
    ["user1", "", {}],
  ];
  for (const [role, content, metadata] of questions) await ask(message(role, content, metadata));
  assert.equal(seen.length, questions.length);
});

test("cache() does not mind the order of keys", async () => {
  const { ask, seen } = setUp();
  await ask(message("user", { a: 1, b: { c: 2, d: 3 } }, { x: 1, y: 2 }));
  await ask(message("user", { b: { d: 3, c: 2 }, a: 1 }, { y: 2, x: 1 }));
  assert.equal(seen.length, 1);
});

test("cache() keeps tenants apart, also where their names run into the question", async () => {
  const tenant = (m: Message) => m.metadata.trace_context as string;
  const { ask, seen } = setUp({ tenant });
  await ask(message("user", "hi", { trace_context: "ann" }));
  await ask(message("user", "hi", { trace_context: "bob" }));
  await ask(message("user", "hi", { trace_context: "ann" }));
  await ask(message("user", "hi"));
  assert.equal(seen.length, 3);

  const mixed = setUp({ tenant, key: text });
  await mixed.ask(message("user", "bc", { trace_context: "a" }));
  await mixed.ask(message("user", "c", { trace_context: "ab" }));
  await mixed.ask(message("user", "1:abc"));
  assert.equal(mixed.seen.length, 3);
});

test("cache() takes the tenant from the call's values", async () => {
  const user = createContextKey("nobody");
  const { ask, seen } = setUp({ tenant: (_m, call) => call.values?.get(user) });
  const as = (name: string) => ({ values: createContextValues().with(user, name) });
  await ask(hi, as("ann"));
  await ask(hi, as("bob"));
  await ask(hi, as("ann"));
  assert.equal(seen.length, 2);
});

test("cache() calls the agent for what it cannot key, and keeps nothing (defect 11)", async () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const odd = { ...hi, content: cyclic, metadata: {}, with: hi.with } as never;
  const { cached, ask, seen } = setUp();
  await ask(odd);
  await ask(odd);
  assert.equal(seen.length, 2);
  const m = cached.metrics;
  assert.deepEqual([m.bypassedRequests, m.cacheMisses, m.totalRequests], [2, 2, 2]);
  assert.equal(m.currentSize, 0);

  for (
    const options of [
      { key: () => undefined },
      { key: () => 7 as never },
      { key: () => assert.fail("no key") },
      { tenant: () => 7 as never },
      { tenant: () => assert.fail("no tenant") },
    ]
  ) {
    const one = setUp(options);
    await one.ask();
    await one.ask();
    assert.equal(one.seen.length, 2);
    assert.equal(one.cached.metrics.bypassedRequests, 2);
  }
});

test("cache() calls once for all that ask the same at the same time (defect 11)", async () => {
  const { clock, cached, ask, seen } = setUp({}, 100);
  const answers = Array.from({ length: 50 }, () => ask());
  assert.equal(cached.metrics.inFlightRequests, 1);
  await clock.runAll();
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(["1"]));
  assert.equal(seen.length, 1);
  assert.equal(cached.metrics.sharedRequests, 49);
  assert.equal(cached.metrics.inFlightRequests, 0);
  assert.equal(cached.metrics.currentSize, 1);
});

test("cache() does not end a shared call when one of its waiters leaves (defect 11)", async () => {
  const { clock, ask, seen } = setUp({}, 100);
  const controller = new AbortController();
  const first = ask(hi, { signal: controller.signal });
  const second = ask();
  controller.abort(new Error("gone"));
  await assert.rejects(first, /gone/);
  assert.equal(seen[0]!.call!.signal!.aborted, false);
  await clock.runAll();
  assert.equal(await second, "1");
});

test("cache() cancels a shared call when the last waiter leaves, with its reason", async () => {
  const { clock, cached, ask, seen } = setUp({}, 100);
  const controllers = [new AbortController(), new AbortController()];
  const calls = controllers.map(({ signal }) => ask(hi, { signal }));
  controllers[0]!.abort(new Error("first"));
  const reason = new Error("last");
  controllers[1]!.abort(reason);
  await assert.rejects(calls[0]!, /first/);
  await assert.rejects(calls[1]!, reason);
  assert.equal(seen[0]!.call!.signal!.reason, reason);
  assert.equal(clock.pending, 0);
  assert.equal(cached.metrics.inFlightRequests, 0);
  // The next one asks afresh instead of joining a call that was cancelled.
  const next = ask();
  await clock.runAll();
  assert.equal(await next, "2");
});

test("cache() lets a caller go at once although the agent ignores its signal", async () => {
  const cached = cache();
  const deaf = wrap({ name: "deaf", process: () => new Promise(() => {}) }, cached);
  const controller = new AbortController();
  const call = deaf.process(hi, { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(call, /gone/);
  assert.equal(cached.metrics.inFlightRequests, 0);
});

test("cache() drops a late answer of a call that all have left", async () => {
  const answer = Promise.withResolvers<Message>();
  const cached = cache();
  const deaf = wrap({ name: "deaf", process: () => answer.promise }, cached);
  const controller = new AbortController();
  const call = deaf.process(hi, { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(call, /gone/);
  answer.resolve(hi);
  await answer.promise;
  assert.equal(cached.metrics.currentSize, 0);
});

test("cache() rejects an aborted call with its reason, even if it has the answer", async () => {
  const { cached, ask } = setUp();
  await ask();
  const reason = new Error("gone");
  await assert.rejects(ask(hi, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(cached.metrics.totalRequests, 1);
});

test("cache() hands deadline and values of the first caller on", async () => {
  const { ask, seen } = setUp();
  const values = createContextValues();
  await ask(hi, { deadline: 5000, values });
  assert.equal(seen[0]!.call!.deadline, 5000);
  assert.equal(seen[0]!.call!.values, values);
});

/** An agent that keeps the deadline of its call, and answers after 100 ms. */
function punctual(clock: TestClock) {
  const deadlines: (number | undefined)[] = [];
  const target = wrap({
    name: "punctual",
    process: async (m, call) => {
      deadlines.push(call?.deadline);
      const takes = Math.min(100, (call?.deadline ?? Infinity) - clock.now());
      await clock.sleep(takes, call?.signal);
      if (takes < 100) throw new TimeoutError("late");
      return m;
    },
  }, cache({ clock }));
  return { target, deadlines };
}

test("cache() tries once more for all that have more time than the first caller had", async () => {
  const clock = new TestClock();
  const { target, deadlines } = punctual(clock);
  const calls = [40, 41, 42, 500, 600].map((deadline) => target.process(hi, { deadline }));
  const settled = Promise.allSettled(calls);
  await clock.runAll();
  assert.deepEqual((await settled).map((one) => one.status), [
    "rejected",
    "rejected",
    "rejected",
    "fulfilled",
    "fulfilled",
  ]);
  for (const call of calls.slice(0, 3)) await assert.rejects(call, TimeoutError);
  assert.deepEqual(deadlines, [40, 600]);
  assert.equal(clock.pending, 0);
});

test("cache() keeps a caller's own deadline when it shares a call that has more time", async () => {
  const clock = new TestClock();
  const { target, deadlines } = punctual(clock);
  const patient = target.process(hi);
  const hasty = target.process(hi, { deadline: 30 });
  const late = assert.rejects(hasty, TimeoutError);
  await clock.advance(30);
  await late;
  await clock.runAll();
  await patient;
  assert.deepEqual(deadlines, [undefined]);
});

test("cache() keeps no timer for a deadline that a shared call was in time for", async () => {
  const { clock, ask } = setUp({}, 10);
  const calls = [ask(), ask(hi, { deadline: 1000 })];
  await clock.advance(10);
  assert.deepEqual(await Promise.all(calls), ["1", "1"]);
  assert.equal(clock.pending, 0);
});

test("cache() does not keep errors, and gives the one of a shared call to all", async () => {
  const cached = cache();
  let calls = 0;
  const failing = wrap(
    agent("failing", () => {
      throw new AgenkitError("unavailable", `failure ${++calls}`);
    }),
    cached,
  );
  const both = [failing.process(hi), failing.process(hi)];
  const errors = await Promise.all(both.map((one) => one.catch((error) => error)));
  assert.equal(errors[0], errors[1]);
  await assert.rejects(failing.process(hi), /failure 2/);
  assert.equal(cached.metrics.currentSize, 0);
});

test("cache() rejects, not throws, when the agent throws at once", async () => {
  const broken = {
    name: "broken",
    process: () => {
      throw new Error("at once");
    },
    stream: () => {
      throw new Error("at once");
    },
  };
  for (const options of [{}, { key: () => undefined }]) {
    const cached = cache(options);
    const target = cached(broken);
    await assert.rejects(target.process(hi), /at once/);
    await assert.rejects(collect(target.stream!(hi)), /at once/);
    assert.equal(cached.metrics.inFlightRequests, 0);
  }
});

test("cache() gives a stale answer while it renews it in the background", async () => {
  const { clock, cached, ask, seen } = setUp({ ttlMs: 100, staleWhileRevalidateMs: 50 }, 10);
  const first = ask();
  await clock.runAll();
  await first;
  await clock.advance(120);
  const values = createContextValues();
  const call = { values, deadline: 1e6, signal: new AbortController().signal };
  assert.equal(await ask(hi, call), "1");
  assert.equal(await ask(), "1");
  assert.equal(seen.length, 2);
  // It is nobody's call: no signal or deadline may end it.
  assert.equal(seen[1]!.call!.deadline, undefined);
  assert.equal(seen[1]!.call!.values, values);
  assert.equal(cached.metrics.staleHits, 2);
  await clock.runAll();
  assert.equal(await ask(), "2");
  assert.equal(cached.metrics.cacheHits, 3);
});

test("cache() asks and waits when even the stale answer is too old", async () => {
  const { clock, ask } = setUp({ ttlMs: 100, staleWhileRevalidateMs: 50 });
  await ask();
  await clock.advance(150);
  assert.equal(await ask(), "2");
});

test("cache() keeps the stale answer when renewing it fails", async () => {
  const clock = new TestClock();
  let calls = 0;
  const target = wrap(
    agent("once", () => {
      if (++calls > 1) throw new Error("broken");
      return "good";
    }),
    cache({ clock, ttlMs: 100, staleWhileRevalidateMs: 1000 }),
  );
  await target.process(hi);
  await clock.advance(200);
  for (let i = 0; i < 3; i++) assert.equal(text(await target.process(hi)), "good");
  await clock.advance(0);
  assert.ok(calls > 1);
});

test("cache() lets those cancel a renewal who have come to wait for it", async () => {
  const clock = new TestClock();
  let calls = 0;
  const target = wrap(
    { name: "hangs", process: () => ++calls === 2 ? new Promise(() => {}) : Promise.resolve(hi) },
    cache({ clock, ttlMs: 100, staleWhileRevalidateMs: 100 }),
  );
  await target.process(hi);
  await clock.advance(150);
  await target.process(hi);
  await clock.advance(100);
  const controller = new AbortController();
  const waiting = target.process(hi, { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  // Not stuck on the renewal that hangs.
  await target.process(hi);
  assert.equal(calls, 3);
});

test("cache() gives an old answer when the agent fails, but not when the caller is at fault (defect 11)", async () => {
  const clock = new TestClock();
  let failure: Error | undefined;
  const cached = cache({ clock, ttlMs: 100, staleIfErrorMs: 1000 });
  const target = wrap(
    agent("moody", () => {
      if (failure) throw failure;
      return "good";
    }),
    cached,
  );
  await target.process(hi);
  await clock.advance(500);
  for (
    const error of [
      new AgenkitError("unavailable", "x"),
      new AgenkitError("resource_exhausted", "x"),
      new TimeoutError("x"),
      new Error("plain"),
    ]
  ) {
    failure = error;
    assert.equal(text(await target.process(hi)), "good");
  }
  assert.equal(cached.metrics.staleOnError, 4);
  assert.equal(cached.metrics.cacheMisses, 5);
  for (const code of ["invalid_argument", "permission_denied", "cancelled"] as const) {
    failure = new AgenkitError(code, "yours");
    await assert.rejects(target.process(hi), failure);
  }
  failure = new Error("plain");
  await clock.advance(600);
  await assert.rejects(target.process(hi), failure);
});

test("cache() does not give an old answer to a call that was aborted", async () => {
  const { clock, ask } = setUp({ ttlMs: 100, staleIfErrorMs: 1000 }, 10);
  const first = ask();
  await clock.runAll();
  await first;
  await clock.advance(500);
  const controller = new AbortController();
  const second = ask(hi, { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(second, /gone/);
});

test("cache() keeps only what shouldCache allows, and nothing when it throws", async () => {
  const some = setUp({ shouldCache: (answer, request) => text(answer) === "2" && request === hi });
  assert.equal(await some.ask(), "1");
  assert.equal(await some.ask(), "2");
  assert.equal(await some.ask(), "2");
  const none = setUp({ shouldCache: () => assert.fail("broken") });
  await none.ask();
  assert.equal(none.cached.metrics.currentSize, 0);
});

test("ResponseCache.invalidate() forgets one request, those a test picks, or all", async () => {
  const { cached, ask, seen } = setUp();
  for (const word of ["a", "b", "c"]) await ask(message("user", word));
  assert.equal(await cached.invalidate(message("user", "a")), 1);
  assert.equal(await cached.invalidate(message("user", "a")), 0);
  assert.equal(await cached.invalidate((request) => text(request) === "b"), 1);
  assert.equal(cached.metrics.currentSize, 1);
  assert.equal(await cached.invalidate(), 1);
  assert.equal(cached.metrics.invalidations, 3);
  for (const word of ["a", "b", "c"]) await ask(message("user", word));
  assert.equal(seen.length, 6);
});

test("ResponseCache.invalidate() knows tenants", async () => {
  const user = createContextKey("nobody");
  const { cached, ask } = setUp({ tenant: (_m, call) => call.values?.get(user) });
  const as = (name: string) => ({ values: createContextValues().with(user, name) });
  for (const name of ["ann", "bob", "cid"]) await ask(hi, as(name));
  assert.equal(await cached.invalidate(hi, as("ann")), 1);
  assert.equal(await cached.invalidate((_request, tenant) => tenant === "bob"), 1);
  assert.equal(cached.metrics.currentSize, 1);
});

test("ResponseCache.invalidate() voids what is in flight, for each kind of target (defect 11)", async () => {
  for (const target of [hi, () => true, undefined]) {
    const { clock, cached, ask, seen } = setUp({}, 100);
    const before = ask();
    await cached.invalidate(target);
    // Who asks now must not get the answer to a question from before.
    const after = ask();
    await clock.runAll();
    assert.equal(await before, "1");
    assert.equal(await after, "2");
    assert.equal(await ask(), "2");
    assert.equal(seen.length, 2);
  }
});

test("ResponseCache.invalidate() a voided call that ends does not take the place of its successor", async () => {
  const { clock, cached, ask, seen } = setUp({}, 100);
  const before = ask();
  await clock.advance(50);
  await cached.invalidate();
  const after = ask();
  await clock.advance(50);
  assert.equal(await before, "1");
  const shared = ask();
  await clock.runAll();
  assert.deepEqual(await Promise.all([after, shared]), ["2", "2"]);
  assert.equal(seen.length, 2);
});

test("ResponseCache.invalidate() leaves what is in flight for others alone", async () => {
  const { clock, cached, ask } = setUp({}, 100);
  const other = ask(message("user", "other"));
  await cached.invalidate(hi);
  await cached.invalidate((request) => text(request) === "hi");
  await clock.runAll();
  await other;
  assert.equal(cached.metrics.currentSize, 1);
});

test("ResponseCache.invalidate() takes effect at once, before it is awaited", async () => {
  const { cached, ask } = setUp();
  await ask();
  const done = cached.invalidate(() => true);
  assert.equal(cached.metrics.currentSize, 0);
  await done;
});

test("cache() keeps agents of different names apart and lets those of one name share", async () => {
  const cached = cache();
  const answering = (name: string, answer: string) => wrap(agent(name, () => answer), cached);
  await answering("a", "first").process(hi);
  assert.equal(text(await answering("b", "second").process(hi)), "second");
  assert.equal(text(await answering("a", "third").process(hi)), "first");
  assert.equal(await cached.invalidate(hi), 2);
});

test("cache() records a stream and plays it again, apart from process (defect 10)", async () => {
  const { clock, cached, log, target, read } = streaming();
  const first = read();
  await clock.runAll();
  assert.equal(await first, "1.0 1.1 1.2");
  assert.equal(await read(), "1.0 1.1 1.2");
  assert.equal(log.begun, 1);
  assert.equal(text(await target.process(hi)), "hi");
  const m = cached.metrics;
  assert.deepEqual([m.totalRequests, m.cacheHits, m.cacheMisses], [3, 1, 2]);
});

test("cache() does not begin a stream that nobody reads", () => {
  const { cached, log, target } = streaming();
  target.stream!(hi);
  assert.equal(log.begun, 0);
  assert.equal(cached.metrics.totalRequests, 0);
});

test("cache() does not keep a stream that is left early, and cancels it", async () => {
  const { cached, log, target } = streaming({}, 3, 0);
  for await (const _ of target.stream!(hi)) break;
  assert.equal(log.closed, 1);
  assert.equal(log.signals[0]!.aborted, true);
  assert.equal(cached.metrics.currentSize, 0);
  assert.equal(cached.metrics.inFlightRequests, 0);
});

test("cache() does not keep a stream that fails", async () => {
  let runs = 0;
  const cached = cache();
  const target = wrap(
    agent("half", async function* () {
      runs++;
      yield "1";
      throw new Error("broke");
    }),
    cached,
  );
  for (let i = 0; i < 2; i++) await assert.rejects(collect(target.stream(hi)), /broke/);
  assert.equal(runs, 2);
});

test("cache() shares a stream: who joins late gets all of it, the slow hold up nobody", async () => {
  const { clock, cached, log, target, read } = streaming();
  const first = read();
  const slow = (async () => {
    const chunks: string[] = [];
    for await (const chunk of target.stream!(hi)) {
      chunks.push(text(chunk));
      await clock.sleep(1000);
    }
    return chunks.join(" ");
  })();
  await clock.advance(15);
  const late = read();
  await clock.advance(15);
  assert.equal(await first, "1.0 1.1 1.2");
  assert.equal(await late, "1.0 1.1 1.2");
  await clock.runAll();
  assert.equal(await slow, "1.0 1.1 1.2");
  assert.equal(log.begun, 1);
  assert.equal(cached.metrics.sharedRequests, 2);
});

test("cache() ends a shared stream when its last reader has left, not before", async () => {
  const { clock, cached, log, read } = streaming();
  const controllers = [new AbortController(), new AbortController()];
  const reads = controllers.map(({ signal }) => read(hi, { signal }));
  await clock.advance(15);
  controllers[0]!.abort(new Error("first"));
  await assert.rejects(reads[0]!, /first/);
  assert.equal(log.signals[0]!.aborted, false);
  controllers[1]!.abort(new Error("last"));
  await assert.rejects(reads[1]!, /last/);
  assert.equal(log.signals[0]!.reason.message, "last");
  assert.equal(clock.pending, 0);
  assert.equal(cached.metrics.inFlightRequests, 0);
});

test("cache() keeps a shared stream that one reader left and another finished", async () => {
  const { clock, target, log, read } = streaming();
  const rest = read();
  const leaving = (async () => {
    for await (const _ of target.stream!(hi)) break;
  })();
  await clock.runAll();
  await Promise.all([rest, leaving]);
  assert.equal(await read(), "1.0 1.1 1.2");
  assert.equal(log.begun, 1);
});

test("cache() lets a reader go at once although the agent ignores its signal", async () => {
  const target = cache()({
    name: "deaf",
    process: (m) => Promise.resolve(m),
    stream: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
  });
  const controller = new AbortController();
  const reading = collect(target.stream!(hi, { signal: controller.signal }));
  for (let i = 0; i < 5; i++) await null;
  controller.abort(new Error("gone"));
  await assert.rejects(reading, /gone/);
});

test("cache() stops playing a recording when the signal aborts", async () => {
  const { cached, target, read } = streaming({}, 3, 0);
  await read();
  const controller = new AbortController();
  const chunks: string[] = [];
  await assert.rejects(async () => {
    for await (const chunk of target.stream!(hi, { signal: controller.signal })) {
      chunks.push(text(chunk));
      controller.abort(new Error("gone"));
    }
  }, /gone/);
  assert.deepEqual(chunks, ["1.0"]);
  assert.equal(cached.metrics.cacheHits, 1);
});

test("cache() gives a reader with more time than a running stream one of its own", async () => {
  const { clock, log, read } = streaming();
  const reads = [read(hi, { deadline: 1000 }), read(hi, { deadline: 2000 }), read(hi)];
  const hasty = read(hi, { deadline: 15 });
  const late = assert.rejects(hasty, TimeoutError);
  await clock.runAll();
  await late;
  assert.deepEqual(await Promise.all(reads), ["1.0 1.1 1.2", "2.0 2.1 2.2", "3.0 3.1 3.2"]);
  assert.equal(log.begun, 3);
  assert.equal(clock.pending, 0);
});

test("cache() does not record more of a stream than it could keep", async () => {
  const cached = cache({ maxBytes: 1000 });
  const target = wrap(
    agent("long", async function* () {
      for (let i = 0; i < 100; i++) yield "x".repeat(100);
    }),
    cached,
  );
  assert.equal((await collect(target.stream(hi))).length, 100);
  assert.equal(cached.metrics.currentSize, 0);
  assert.equal(cached.metrics.inFlightRequests, 0);
});

test("cache() lets nobody join a stream that has become too long to keep", async () => {
  const { clock, read, log } = streaming({ maxBytes: 150 });
  const first = read();
  await clock.advance(25);
  const second = read();
  await clock.runAll();
  assert.deepEqual(await Promise.all([first, second]), ["1.0 1.1 1.2", "2.0 2.1 2.2"]);
  assert.equal(log.begun, 2);
});

test("cache() asks shouldCache of every chunk", async () => {
  const { cached, clock, read } = streaming({ shouldCache: (chunk) => !text(chunk).endsWith("2") });
  await Promise.all([read(), clock.runAll()]);
  assert.equal(cached.metrics.currentSize, 0);
});

test("cache() plays a stale stream while it records a new one", async () => {
  const { clock, log, read } = streaming({ ttlMs: 100, staleWhileRevalidateMs: 100 });
  await Promise.all([read(), clock.runAll()]);
  await clock.advance(120);
  assert.equal(await read(), "1.0 1.1 1.2");
  assert.equal(await read(), "1.0 1.1 1.2");
  await clock.runAll();
  assert.equal(await read(), "2.0 2.1 2.2");
  assert.equal(log.begun, 2);
});

test("cache() plays an old stream when a new one fails before its first chunk, not after", async () => {
  const clock = new TestClock();
  const cached = cache({ clock, ttlMs: 100, staleIfErrorMs: 1000 });
  let failAfter = Infinity;
  const target = wrap(
    agent("moody", async function* () {
      for (let i = 0; i < 3; i++) {
        if (i >= failAfter) throw new Error("broke");
        yield `${i}`;
      }
    }),
    cached,
  );
  await collect(target.stream(hi));
  await clock.advance(200);
  failAfter = 0;
  assert.deepEqual((await collect(target.stream(hi))).map(text), ["0", "1", "2"]);
  failAfter = 1;
  await assert.rejects(collect(target.stream(hi)), /broke/);
});

test("ResponseCache.invalidate() voids a stream in flight", async () => {
  const { clock, cached, read } = streaming();
  const before = read();
  await clock.advance(5);
  await cached.invalidate(hi);
  await clock.runAll();
  assert.equal(await before, "1.0 1.1 1.2");
  assert.equal(cached.metrics.currentSize, 0);
  const [after] = await Promise.all([read(), clock.runAll()]);
  assert.equal(after, "2.0 2.1 2.2");
});

test("cache() gives every reader all of a stream that is too long to keep", async () => {
  const { clock, cached, log, target, read } = streaming({ maxBytes: 2000 }, 50);
  const fast = read();
  let count = 0;
  const slow = (async () => {
    for await (const _ of target.stream!(hi)) {
      count++;
      await clock.sleep(50);
    }
  })();
  await clock.runAll();
  await slow;
  assert.equal((await fast).split(" ").length, 50);
  assert.equal(count, 50);
  assert.equal(log.begun, 1);
  assert.equal(cached.metrics.currentSize, 0);
});

test("cache() lets a reader end a renewal that hangs", async () => {
  const clock = new TestClock();
  let runs = 0;
  const target = wrap(
    agent("hangs", async function* () {
      if (++runs === 2) await new Promise(() => {});
      yield `${runs}`;
    }),
    cache({ clock, ttlMs: 100, staleWhileRevalidateMs: 100 }),
  );
  await collect(target.stream(hi));
  await clock.advance(150);
  await collect(target.stream(hi));
  await clock.advance(100);
  const controller = new AbortController();
  const waiting = collect(target.stream(hi, { signal: controller.signal }));
  await clock.advance(0);
  controller.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  assert.deepEqual((await collect(target.stream(hi))).map(text), ["3"]);
});

/** A store as one over a network would be: every answer takes time, and may fail. */
class SlowStore implements CacheStore {
  readonly map = new Map<string, CacheEntry>();
  readonly keepMs: number[] = [];
  broken = false;
  readonly #clock: TestClock;

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  async #later<T>(action: () => T): Promise<T> {
    await this.#clock.sleep(5);
    if (this.broken) throw new Error("The store is down");
    return action();
  }

  get = (key: string) => this.#later(() => this.map.get(key));
  set = (key: string, entry: CacheEntry, keepMs: number) =>
    this.#later(() => {
      this.keepMs.push(keepMs);
      this.map.set(key, entry);
    });
  delete = (key: string) => this.#later(() => this.map.delete(key));
  clear = () =>
    this.#later(() => {
      const { size } = this.map;
      this.map.clear();
      return size;
    });

  async *entries() {
    await this.#clock.sleep(5);
    yield* this.map;
  }
}

function withSlowStore(options: CacheOptions = {}) {
  const clock = new TestClock();
  const store = new SlowStore(clock);
  const one = setUp({ clock, store, ...options });
  const ask = async (m: Message = hi, call?: CallOptions) => {
    const asked = one.ask(m, call);
    asked.catch(() => {});
    await clock.runAll();
    return await asked;
  };
  return { ...one, store, clock, ask };
}

test("cache() works with a store that answers later", async () => {
  const { clock, cached, store, ask, seen } = withSlowStore({ staleIfErrorMs: 700, ttlMs: 300 });
  assert.equal(await ask(), "1");
  assert.equal(await ask(), "1");
  assert.deepEqual(store.keepMs, [1000]);
  assert.equal(cached.metrics.currentSize, undefined);
  const removed = cached.invalidate((request) => text(request) === "hi");
  await clock.runAll();
  assert.equal(await removed, 1);
  assert.equal(await ask(), "2");
  const all = cached.invalidate();
  await clock.runAll();
  assert.equal(await all, 1);
  assert.equal(seen.length, 2);
});

test("cache() treats a store that fails as empty, and no call fails of it", async () => {
  const { cached, store, ask } = withSlowStore();
  store.broken = true;
  assert.equal(await ask(), "1");
  assert.equal(await ask(), "2");
  assert.equal(cached.metrics.storeErrors, 4);
  assert.equal(cached.metrics.cacheMisses, 2);
  const throwing = setUp({
    store: {
      get: () => assert.fail("down"),
      set: () => assert.fail("down"),
      delete: () => false,
      clear: () => 0,
      entries: () => [],
    },
  });
  assert.equal(await throwing.ask(), "1");
  assert.equal(throwing.cached.metrics.storeErrors, 2);
});

test("cache() leaves a slow store at once when the signal aborts", async () => {
  const { target, clock } = withSlowStore();
  const controller = new AbortController();
  const call = target.process(hi, { signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(call, /gone/);
  await clock.runAll();
});

test("cache() answers a thousand concurrent calls of ten questions with ten calls", async () => {
  const { clock, cached, ask, seen } = setUp({}, 5);
  const calls = Array.from({ length: 1000 }, (_, i) => ask(message("user", `${i % 10}`)));
  await clock.runAll();
  await Promise.all(calls);
  assert.equal(seen.length, 10);
  assert.equal(cached.metrics.totalRequests, 1000);
  assert.equal(cached.metrics.inFlightRequests, 0);
});

test("cache() keeps the agent's name and capabilities, and stream only where there was one", () => {
  const { target } = setUp();
  assert.equal(target.name, "counter");
  assert.deepEqual(target.capabilities, ["counting"]);
  assert.equal(target.stream, undefined);
  assert.throws(() => cache()("x" as never), /Cannot apply cache: expected an agent/);
});

test("cache() shows frozen metrics", () => {
  assert.ok(Object.isFrozen(cache().metrics));
});
