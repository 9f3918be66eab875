import { fc } from "./fc.ts";
import { jsonText } from "./json_text.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Agent,
  collect,
  type Json,
  type Message,
  message,
  text,
  wrap,
} from "../../src/core/mod.ts";
import { cache } from "../../src/middleware/cache.ts";
import { canonicalKey } from "../../src/middleware/cache_key.ts";
import { MemoryCacheStore } from "../../src/middleware/cache_memory_store.ts";
import type { CacheOptions } from "../../src/middleware/cache_options.ts";
import { TestClock } from "../../src/testing/mod.ts";

/** A cached agent whose answers are numbered, so that it shows when one is new. */
function setUp(options: CacheOptions = {}) {
  const clock = new TestClock();
  const store = new MemoryCacheStore({ maxEntries: options.maxEntries });
  const { maxEntries: _, ...rest } = options;
  const cached = cache({ clock, store, ...rest });
  let calls = 0;
  const inner: Agent = {
    name: "counter",
    process: (m) => Promise.resolve(message("agent", `${text(m)}#${++calls}`)),
  };
  const target = wrap(inner, cached);
  return {
    clock,
    cached,
    store,
    calls: () => calls,
    ask: async (word: string) => text(await target.process(message("user", word))),
  };
}

const words = fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"), { maxLength: 60 });
const capacity = fc.integer({ min: 1, max: 6 });

test("cache(): its size never exceeds the maximum (property 1)", async () => {
  await fc.assert(fc.asyncProperty(words, capacity, async (list, maxEntries) => {
    const { ask, cached } = setUp({ maxEntries });
    for (const word of list) {
      await ask(word);
      assert.ok(cached.metrics.currentSize! <= maxEntries);
    }
  }));
});

test("cache(): the hit rate is between 0 and 1, or unknown (property 2)", async () => {
  await fc.assert(fc.asyncProperty(words, capacity, async (list, maxEntries) => {
    const { ask, cached } = setUp({ maxEntries });
    assert.equal(cached.metrics.hitRate, undefined);
    for (const word of list) {
      await ask(word);
      const { hitRate, missRate } = cached.metrics;
      assert.ok(hitRate! >= 0 && hitRate! <= 1);
      assert.ok(Math.abs(hitRate! + missRate! - 1) < 1e-9);
    }
  }));
});

test("cache(): the last used stays and the least recently used goes, as in a naive list (property 3)", async () => {
  await fc.assert(fc.asyncProperty(words, capacity, async (list, maxEntries) => {
    const { ask, store, calls } = setUp({ maxEntries });
    let model: string[] = [];
    let expectedCalls = 0;
    for (const word of list) {
      if (!model.includes(word)) expectedCalls++;
      model = [...model.filter((one) => one !== word), word].slice(-maxEntries);
      await ask(word);
      assert.equal(calls(), expectedCalls);
      assert.deepEqual([...store.entries()].map(([, entry]) => text(entry.request)), model);
    }
  }));
});

test("cache(): an expired answer is never given (property 4)", async () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 0, max: 150 })),
    { maxLength: 50 },
  );
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 200 }), async (list, ttlMs) => {
      const { ask, clock } = setUp({ ttlMs });
      const born = new Map<string, number>();
      for (const [word, gap] of list) {
        await clock.advance(gap);
        const answer = await ask(word);
        if (!born.has(answer)) born.set(answer, clock.now());
        assert.ok(clock.now() - born.get(answer)! < ttlMs);
      }
    }),
    { numRuns: 50 },
  );
});

test("cache(): the same question gives the same answer (property 5)", async () => {
  await fc.assert(fc.asyncProperty(words, async (list) => {
    const { ask } = setUp();
    const answers = new Map<string, string>();
    for (const word of list) {
      const answer = await ask(word);
      assert.equal(answers.get(word) ?? answer, answer);
      answers.set(word, answer);
    }
  }));
});

test("cache(): hits and misses add up to the calls, and misses to calls of the agent (property 6)", async () => {
  await fc.assert(fc.asyncProperty(words, capacity, async (list, maxEntries) => {
    const { ask, cached, calls } = setUp({ maxEntries });
    for (const word of list) await ask(word);
    const { cacheHits, cacheMisses, totalRequests } = cached.metrics;
    assert.equal(cacheHits + cacheMisses, totalRequests);
    assert.equal(totalRequests, list.length);
    assert.equal(cacheMisses, calls());
  }));
});

test("cache(): after an overflow it is exactly full (property 7)", async () => {
  await fc.assert(fc.asyncProperty(words, capacity, async (list, maxEntries) => {
    const { ask, cached } = setUp({ maxEntries });
    for (const word of list) await ask(word);
    const distinct = new Set(list).size;
    assert.equal(cached.metrics.currentSize, Math.min(distinct, maxEntries));
    if (cached.metrics.evictions > 0) assert.equal(cached.metrics.currentSize, maxEntries);
  }));
});

test("cache(): no key is kept twice (property 8)", async () => {
  await fc.assert(fc.asyncProperty(words, capacity, async (list, maxEntries) => {
    const { ask, store } = setUp({ maxEntries });
    // At the same time, too: that is when keys used to double.
    await Promise.all(list.map(ask));
    const kept = [...store.entries()].map(([, entry]) => text(entry.request));
    assert.equal(new Set(kept).size, kept.length);
    assert.equal(kept.length, store.size);
  }));
});

/** Any JSON as it comes from the wire, without the one key that messages refuse. */
const json = fc.jsonValue({ maxDepth: 3 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Json)
  .filter((value) => !JSON.stringify(value).includes("__proto__"));

test("cache() keys are equal exactly for what is equal as JSON with sorted keys", () => {
  fc.assert(
    fc.property(json, json, fc.string(), fc.string(), (a, b, x, y) => {
      const one = message(`r${x}`, a, { x: b });
      const other = message(`r${y}`, b, { x: a });
      const same = jsonText([`r${x}`, a, b]) === jsonText([`r${y}`, b, a]);
      assert.equal(canonicalKey(one) === canonicalKey(other), same);
      assert.equal(canonicalKey(one), canonicalKey(message(`r${x}`, shuffled(a), { x: b })));
    }),
    { numRuns: 300 },
  );
});

function shuffled(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value).reverse().map(([key, item]) => [key, shuffled(item)]),
  );
}

const events = fc.array(
  fc.record({
    gap: fc.integer({ min: 0, max: 40 }),
    what: fc.constantFrom("ask", "ask", "ask", "leave", "invalidate", "stream", "break"),
    word: fc.constantFrom("a", "b"),
    patience: fc.integer({ min: 0, max: 60 }),
  }),
  { maxLength: 40 },
);

test("cache() settles every caller, never gives an answer from before an invalidation, and leaks nothing (defect 11)", async () => {
  await fc.assert(
    fc.asyncProperty(
      events,
      fc.integer({ min: 0, max: 30 }),
      fc.record({
        ttlMs: fc.integer({ min: 1, max: 100 }),
        staleWhileRevalidateMs: fc.integer({ min: 0, max: 50 }),
        staleIfErrorMs: fc.integer({ min: 0, max: 50 }),
      }),
      async (list, takesMs, options) => {
        const clock = new TestClock();
        const cached = cache({ clock, ...options });
        let version = 0;
        let running = 0;
        const answer = async function* (signal?: AbortSignal) {
          const asked = version;
          running++;
          try {
            yield message("agent", `${asked}`);
            await clock.sleep(takesMs, signal);
            yield message("agent", `${asked}`);
          } finally {
            running--;
          }
        };
        const target = cached({
          name: "a",
          process: async (_m, call) => (await collect(answer(call?.signal)))[0]!,
          stream: (_m, call) => answer(call?.signal),
        });
        const calls: Promise<void>[] = [];
        for (const { gap, what, word, patience } of list) {
          await clock.advance(gap);
          const from = version;
          const fresh = (m: Message) => assert.ok(Number(text(m)) >= from, "an old answer");
          const request = message("user", word);
          if (what === "invalidate") {
            version++;
            await cached.invalidate();
          } else if (what === "ask") {
            calls.push(target.process(request).then(fresh));
          } else if (what === "stream") {
            calls.push(collect(target.stream!(request)).then((all) => all.forEach(fresh)));
          } else if (what === "break") {
            calls.push((async () => {
              for await (const chunk of target.stream!(request)) return fresh(chunk);
            })());
          } else {
            const controller = new AbortController();
            clock.schedule(clock.now() + patience, () => controller.abort());
            const { signal } = controller;
            calls.push(
              target.process(request, { signal }).then(fresh, (error) => {
                assert.equal(error, signal.reason);
              }),
            );
          }
        }
        await clock.runAll();
        await Promise.all(calls);
        const m = cached.metrics;
        assert.equal(m.cacheHits + m.cacheMisses, m.totalRequests);
        assert.equal(m.inFlightRequests, 0);
        assert.equal(running, 0);
        assert.equal(clock.pending, 0);
      },
    ),
    { numRuns: 100 },
  );
});
