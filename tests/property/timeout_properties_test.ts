import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Agent, message, TimeoutError } from "../../src/core/mod.ts";
import { timeout } from "../../src/middleware/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";

const question = message("user", "hi");

/** Times at which something happens, each kind with a fraction of its own: no two are the same. */
const at = (fraction: number) => fc.integer({ min: 0, max: 100 }).map((ms) => ms + fraction);
const perhaps = (fraction: number) => fc.option(at(fraction), { nil: undefined });

const calls = fc.record({
  takesMs: at(0.1),
  fails: fc.boolean(),
  /** Whether the agent works on when its signal aborts. */
  deaf: fc.boolean(),
  totalMs: at(0.2),
  deadline: perhaps(0.3),
  abort: perhaps(0.4),
});

test("timeout() ends each call at what comes first, and by the right name (defect 8, defect 15)", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(calls, { minLength: 1, maxLength: 15 }), async (list) => {
      const clock = new TestClock();
      await Promise.all([
        ...list.map(async (one) => {
          const limited = timeout({ clock, totalMs: one.totalMs });
          const aborted: unknown[] = [];
          const own = new TimeoutError("the agent's own");
          const inner: Agent = {
            name: "inner",
            process: async (m, call) => {
              call!.signal!.addEventListener("abort", () => aborted.push(call!.signal!.reason));
              await clock.sleep(one.takesMs, one.deaf ? undefined : call!.signal);
              if (one.fails) throw own;
              return m;
            },
          };
          const controller = new AbortController();
          const { signal } = controller;
          const timer = one.abort === undefined
            ? undefined
            : clock.schedule(one.abort, () => controller.abort());
          const { deadline } = one;
          const error = await limited(inner).process(question, { signal, deadline })
            .then(() => undefined, (error) => error);
          const ends = {
            answered: one.takesMs,
            total: one.totalMs,
            deadline: deadline ?? Infinity,
            aborted: one.abort ?? Infinity,
          };
          const first = Math.min(...Object.values(ends));
          assert.equal(clock.now(), first);
          const m = limited.metrics;
          if (first === ends.answered) {
            assert.equal(error, one.fails ? own : undefined);
            assert.equal(one.fails ? m.failedRequests : m.successfulRequests, 1);
          } else if (first === ends.aborted) {
            assert.equal(error, signal.reason);
            assert.equal(m.cancelledRequests, 1);
          } else {
            assert.ok(error instanceof TimeoutError && error !== own);
            const limit = first === ends.total ? "total" : "deadline";
            assert.deepEqual(error.details, { limit });
            assert.equal(m.timedOutRequests, 1);
          }
          // The agent is told, and by the same reason.
          assert.deepEqual(aborted, first === ends.answered ? [] : [error]);
          timer?.cancel();
        }),
        clock.runAll(),
      ]);
      assert.equal(clock.pending, 0);
    }),
  );
});

test("timeout() of a stream counts only what the agent takes, never its consumer (defect 9)", async () => {
  const ms = (fraction: number) => fc.integer({ min: 0, max: 50 }).map((ms) => ms + fraction);
  const chunks = fc.array(fc.record({ takesMs: ms(0), thinksMs: ms(0) }), { maxLength: 8 });
  const limits = fc.record({
    totalMs: fc.option(fc.integer({ min: 1, max: 300 }).map((ms) => ms + 0.1), { nil: undefined }),
    firstChunkMs: fc.option(ms(0.2), { nil: undefined }),
    idleMs: fc.option(ms(0.3), { nil: undefined }),
  });
  await fc.assert(fc.asyncProperty(chunks, limits, async (list, limits) => {
    const clock = new TestClock();
    const limited = timeout({ clock, ...limits });
    const target = limited({
      name: "inner",
      process: () => assert.fail("not a stream"),
      async *stream(m) {
        for (const { takesMs } of list) {
          await clock.sleep(takesMs);
          yield m;
        }
      },
    });
    let read = 0;
    const reading = (async () => {
      for await (const _ of target.stream!(question)) await clock.sleep(list[read++]!.thinksMs);
    })().then(() => undefined, (error) => error);
    await clock.runAll();
    const error: unknown = await reading;

    /** Which limit a chunk breaks first, if any. */
    const { totalMs = Infinity, firstChunkMs = Infinity, idleMs = Infinity } = limits;
    const unlimited = limits.totalMs === undefined && firstChunkMs + idleMs < Infinity;
    let left = limits.totalMs === undefined && !unlimited ? 30_000 : totalMs;
    let broken: string | undefined;
    let expected = 0;
    for (const [i, { takesMs }] of list.entries()) {
      const chunkMs = i === 0 ? firstChunkMs : idleMs;
      if (takesMs > Math.min(left, chunkMs)) {
        broken = left <= chunkMs ? "total" : i === 0 ? "firstChunk" : "idle";
        break;
      }
      left -= takesMs;
      expected++;
    }
    assert.equal(read, expected);
    if (broken === undefined) assert.equal(error, undefined);
    else {
      assert.ok(error instanceof TimeoutError);
      assert.deepEqual(error.details, { limit: broken });
    }
    const { timedOutRequests, successfulRequests, totalRequests } = limited.metrics;
    assert.deepEqual(
      [timedOutRequests, successfulRequests, totalRequests],
      broken === undefined ? [0, 1, 1] : [1, 0, 1],
    );
    assert.equal(clock.pending, 0);
  }));
});
