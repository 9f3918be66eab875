import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, type Agent, type Message, message, text } from "../../src/core/mod.ts";
import { batch } from "../../src/middleware/batch.ts";
import type { BatchAgent, BatchOptions } from "../../src/middleware/batch_options.ts";
import { TestClock } from "../../src/testing/mod.ts";

const actions = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant({ what: "arrive" as const }) },
    {
      weight: 3,
      arbitrary: fc.record({
        what: fc.constant("abort" as const),
        which: fc.integer({ min: 0, max: 30 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constant("advance" as const),
        ms: fc.integer({ min: 0, max: 30 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ what: "flush" as const }) },
    { weight: 1, arbitrary: fc.constant({ what: "close" as const }) },
  ),
  { maxLength: 40 },
);

const options: fc.Arbitrary<BatchOptions & { maxBatchSize: number }> = fc.record({
  maxBatchSize: fc.integer({ min: 1, max: 5 }),
  maxWaitMs: fc.integer({ min: 0, max: 20 }),
  maxQueueSize: fc.integer({ min: 5, max: 12 }),
  maxConcurrentBatches: fc.integer({ min: 1, max: 3 }),
});

/** What an agent does with a message, by its number: most are answered. */
function verdict(id: number): "answer" | "fail" | "fail all" {
  return id % 7 === 3 ? "fail" : id % 11 === 5 ? "fail all" : "answer";
}

function answerTo(m: Message): Message {
  return message("agent", `answer ${text(m)}`);
}

/** Agents whose calls end when the scheduler says so, and that check what they are sent. */
function agents(s: fc.Scheduler, limits: BatchOptions) {
  const sent = new Set<string>();
  let running = 0;
  const check = (m: Message) => {
    assert.ok(!sent.has(text(m)), `${text(m)} was sent twice`);
    sent.add(text(m));
  };
  const together: BatchAgent = {
    name: "together",
    process: () => assert.fail("one by one"),
    processBatch: async (messages, calls, signal) => {
      assert.ok(messages.length >= 1 && messages.length <= limits.maxBatchSize!);
      assert.ok(calls.every((call) => !call.signal!.aborted), "sent, although it had left");
      messages.forEach(check);
      running++;
      assert.ok(running <= limits.maxConcurrentBatches!);
      // When all have left, their place is given to others at once.
      signal.addEventListener("abort", () => running--);
      await s.schedule(Promise.resolve(), "the agent ends a batch");
      if (!signal.aborted) running--;
      if (messages.some((m) => verdict(Number(text(m))) === "fail all")) throw new Error("all");
      return messages.map((m) =>
        verdict(Number(text(m))) === "fail" ? new Error(`error ${text(m)}`) : answerTo(m)
      );
    },
  };
  const alone: Agent = {
    name: "alone",
    process: async (m, call) => {
      assert.ok(!call!.signal!.aborted, "sent, although it had left");
      check(m);
      await s.schedule(Promise.resolve(), "the agent ends a call");
      if (verdict(Number(text(m))) !== "answer") throw new Error(`error ${text(m)}`);
      return answerTo(m);
    },
  };
  return { together, alone, sent };
}

for (const kind of ["together", "alone"] as const) {
  test(`batch() settles every caller once with what is its own, whatever comes when (${kind}, defect 2)`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), actions, options, async (s, list, limits) => {
        const clock = new TestClock();
        const batched = batch({ clock, ...limits });
        const made = agents(s, limits);
        const target = batched(made[kind]);
        const controllers: AbortController[] = [];
        const outcomes: string[] = [];
        const calls: Promise<void>[] = [];
        let refusedFrom = Infinity;

        const arrive = () => {
          const id = controllers.length;
          const controller = new AbortController();
          controllers.push(controller);
          const { signal } = controller;
          calls.push(
            target.process(message("user", `${id}`), { signal }).then((answer) => {
              assert.equal(outcomes[id], undefined);
              assert.equal(text(answer), `answer ${id}`);
              outcomes[id] = "answered";
            }, (error) => {
              assert.equal(outcomes[id], undefined);
              if (error === signal.reason) outcomes[id] = "cancelled";
              else if (error instanceof AgenkitError) {
                if (error.code === "unavailable") assert.ok(id >= refusedFrom);
                else assert.equal(error.code, "resource_exhausted");
                assert.ok(!made.sent.has(`${id}`));
                outcomes[id] = "refused";
              } else {
                assert.match(error.message, new RegExp(`^(all|error ${id})$`));
                outcomes[id] = "failed";
              }
            }),
          );
        };
        const run = async (action: (typeof list)[number]) => {
          if (action.what === "arrive") arrive();
          else if (action.what === "abort") controllers[action.which]?.abort();
          else if (action.what === "advance") await clock.advance(action.ms);
          else if (action.what === "flush") void batched.flush();
          else {
            refusedFrom = Math.min(refusedFrom, controllers.length);
            void batched.close();
          }
        };
        for (const action of list) {
          void s.schedule(Promise.resolve(), action.what).then(() => run(action));
        }
        await s.waitIdle();
        const closed = batched.close();
        for (let i = 0; i < 100 && batched.state !== "closed"; i++) {
          await s.waitIdle();
          await clock.advance(0);
        }
        assert.equal(batched.state, "closed", "somebody is still waiting");
        await closed;
        await Promise.all(calls);

        assert.equal(outcomes.length, calls.length);
        assert.ok(outcomes.every((one) => one !== undefined));
        assert.equal(clock.pending, 0);
        const m = batched.metrics;
        const count = (outcome: string) => outcomes.filter((one) => one === outcome).length;
        assert.equal(m.totalRequests, calls.length);
        assert.equal(m.successfulRequests, count("answered"));
        assert.equal(m.failedRequests, count("failed"));
        assert.equal(m.cancelledRequests, count("cancelled"));
        assert.equal(m.rejectedRequests, count("refused"));
        assert.equal(m.queuedRequests + m.runningRequests + m.runningBatches, 0);
        assert.equal(
          m.totalBatches,
          m.successfulBatches + m.failedBatches + m.partialBatches + m.cancelledBatches,
        );
        if (m.maxBatchSize !== undefined) assert.ok(m.maxBatchSize <= limits.maxBatchSize);
      }),
      { numRuns: 150 },
    );
  });
}

test("batch() sends every call within maxWaitMs, or as soon as a place is free", async () => {
  const arrivals = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(arrivals, fc.integer({ min: 1, max: 5 }), async (gaps, maxBatchSize) => {
      const clock = new TestClock();
      const batched = batch({ clock, maxBatchSize, maxWaitMs: 25, maxConcurrentBatches: 1000 });
      const came = new Map<string, number>();
      const target = batched(
        {
          name: "a",
          process: () => assert.fail("one by one"),
          processBatch: (messages) => {
            const waits = messages.map((m) => clock.now() - came.get(text(m))!);
            // In order of arrival: the first has waited longest, and it was full or time.
            assert.equal(Math.max(...waits), waits[0]);
            assert.ok(waits[0]! <= 25);
            assert.ok(messages.length === maxBatchSize || waits[0] === 25, `${waits}`);
            return Promise.resolve(messages);
          },
        } satisfies BatchAgent as BatchAgent,
      );
      const calls: Promise<Message>[] = [];
      for (const [id, gap] of gaps.entries()) {
        await clock.advance(gap);
        came.set(`${id}`, clock.now());
        calls.push(target.process(message("user", `${id}`)));
      }
      await clock.runAll();
      assert.deepEqual((await Promise.all(calls)).map(text), gaps.map((_, id) => `${id}`));
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 100 },
  );
});
