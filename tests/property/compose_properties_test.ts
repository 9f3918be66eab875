import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AgentResult,
  conditional,
  fallback,
  parallel,
  type ParallelPolicy,
  quorum,
  router,
  sequential,
} from "../../src/compose/mod.ts";
import {
  type Agent,
  agent,
  AggregateAgentError,
  collect,
  message,
  text,
} from "../../src/core/mod.ts";
import { TestClock } from "../../src/testing/mod.ts";

const RUNS = { numRuns: 150 };
const ask = message("user", ">");

/** How a child behaves: when it is done, how, and whether it obeys its signal. */
interface Plan {
  readonly ms: number;
  readonly ok: boolean;
  readonly deaf: boolean;
}

const plans = fc.array(
  fc.record({ ms: fc.integer({ min: 0, max: 50 }), ok: fc.boolean(), deaf: fc.boolean() }),
  { minLength: 1, maxLength: 8 },
);

/** What happened to the children of one run. */
class Log {
  readonly clock: TestClock = new TestClock();
  readonly begun: number[] = [];
  readonly done: number[] = [];
  readonly cancelled: number[] = [];
  running = 0;
  most = 0;

  agents(children: readonly Plan[]): Agent[] {
    return children.map((plan, i) => this.#agent(plan, i));
  }

  #agent({ ms, ok, deaf }: Plan, index: number): Agent {
    return agent(`a${index}`, async (m, call) => {
      this.begun.push(index);
      this.most = Math.max(this.most, ++this.running);
      try {
        await this.clock.sleep(ms, deaf ? undefined : call.signal);
      } catch (error) {
        this.cancelled.push(index);
        throw error;
      } finally {
        this.running--;
      }
      this.done.push(index);
      if (!ok) throw new Error(`a${index} failed`);
      return text(m) + index;
    });
  }

  async outcome<T>(work: Promise<T>): Promise<{ value?: T; error?: unknown; at: number }> {
    const settled = work.then(
      (value) => ({ value, at: this.clock.now() }),
      (error) => ({ error, at: this.clock.now() }),
    );
    await this.clock.runAll();
    return await settled;
  }
}

const indices = (count: number) => Array.from({ length: count }, (_, i) => i);

test("sequential() keeps the order and runs one step at a time, whatever their delays", async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (children) => {
      const log = new Log();
      const firstBad = children.findIndex(({ ok }) => !ok);
      const { value, error } = await log.outcome(sequential(log.agents(children)).process(ask));
      const reached = firstBad === -1 ? children.length : firstBad + 1;
      assert.deepEqual(log.begun, indices(reached));
      assert.deepEqual(log.done, indices(reached));
      assert.equal(log.most, 1);
      if (firstBad === -1) assert.equal(text(value!), ">" + indices(reached).join(""));
      else assert.equal((error as Error).message, `a${firstBad} failed`);
    }),
    RUNS,
  );
});

test("sequential() is associative: grouping steps changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.nat(8), async (children, cut) => {
      const run = async (group: boolean) => {
        const log = new Log();
        const agents = log.agents(children);
        const at = Math.min(cut, agents.length - 1);
        const made = group && at > 0
          ? sequential([sequential(agents.slice(0, at)), sequential(agents.slice(at))])
          : sequential(agents);
        const { value, error, at: end } = await log.outcome(made.process(ask));
        return [value && text(value), (error as Error)?.message, end, log.begun];
      };
      assert.deepEqual(await run(true), await run(false));
    }),
    RUNS,
  );
});

test("fallback() asks in order, stops at the first success, and reports every failure before", async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (children) => {
      const log = new Log();
      const first = children.findIndex(({ ok }) => ok);
      const { value, error } = await log.outcome(fallback(log.agents(children)).process(ask));
      const reached = first === -1 ? children.length : first + 1;
      assert.deepEqual(log.begun, indices(reached));
      assert.equal(log.most, 1);
      if (first !== -1) {
        assert.equal(text(value!), `>${first}`);
        assert.deepEqual(value!.metadata, {
          fallback_agent_used: `a${first}`,
          fallback_attempt: first + 1,
        });
      } else {
        assert.ok(error instanceof AggregateAgentError);
        assert.deepEqual(
          error.errors.map((failure) => [failure.agent, failure.index]),
          children.map((_, i) => [`a${i}`, i]),
        );
      }
    }),
    RUNS,
  );
});

const policies = (count: number): fc.Arbitrary<ParallelPolicy> =>
  fc.oneof(
    fc.constantFrom<ParallelPolicy>("all", "any", "settled"),
    fc.integer({ min: 1, max: count }).map(quorum),
  );

const parallels = plans.chain((children) =>
  fc.record({
    children: fc.constant(children),
    policy: policies(children.length),
    concurrency: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant(Infinity)),
  })
);

/** How many answers a policy needs; for settled none is too few. */
const neededBy = (policy: ParallelPolicy, count: number) =>
  policy === "all" ? count : policy === "any" ? 1 : policy === "settled" ? 0 : policy.quorum;

test("parallel() has a result for each agent, in their order, under every policy and cap", async () => {
  await fc.assert(
    fc.asyncProperty(parallels, async ({ children, policy, concurrency }) => {
      const log = new Log();
      let results: readonly AgentResult[] = [];
      const { value, error } = await log.outcome(
        parallel(log.agents(children), {
          policy,
          concurrency,
          aggregate: (given) => {
            results = given;
            return "ok";
          },
        }).process(ask),
      );
      const count = children.length;
      const needed = neededBy(policy, count);
      const able = children.filter(({ ok }) => ok).length;
      if (able < needed) {
        assert.ok(error instanceof AggregateAgentError);
        const failed = error.errors.map(({ index }) => index);
        assert.deepEqual(failed, failed.toSorted((a, b) => a - b));
        assert.ok(failed.length > count - needed);
        assert.ok(failed.every((i) => !children[i]!.ok));
      } else {
        assert.equal(text(value!), "ok");
        assert.equal(results.length, count);
        results.forEach((result, i) => {
          assert.equal(result.index, i);
          assert.equal(result.agent, `a${i}`);
          if (result.status === "answered") assert.equal(text(result.message), `>${i}`);
          if (result.status === "failed") assert.equal(children[i]!.ok, false);
        });
        const answered = results.filter(({ status }) => status === "answered").length;
        assert.equal(answered, policy === "settled" ? able : needed);
      }
      assert.ok(log.most <= concurrency);
      assert.equal(log.running, 0);
      assert.equal(new Set(log.begun).size, log.begun.length);
    }),
    RUNS,
  );
});

test("parallel() has its outcome when the deciding agent has, not when the deaf losers have", async () => {
  await fc.assert(
    fc.asyncProperty(
      plans.chain((children) =>
        fc.record({ children: fc.constant(children), policy: policies(children.length) })
      ),
      async ({ children, policy }) => {
        const log = new Log();
        const aggregate = () => "ok";
        const { at } = await log.outcome(
          parallel(log.agents(children), { policy, aggregate }).process(ask),
        );
        const needed = neededBy(policy, children.length);
        const allowed = children.length - needed;
        const good = children.filter(({ ok }) => ok).map(({ ms }) => ms).toSorted((a, b) => a - b);
        const bad = children.filter(({ ok }) => !ok).map(({ ms }) => ms).toSorted((a, b) => a - b);
        const expected = policy === "settled"
          ? Math.max(...children.map(({ ms }) => ms))
          : Math.min(good[needed - 1] ?? Infinity, bad[allowed] ?? Infinity);
        assert.equal(at, expected);
      },
    ),
    RUNS,
  );
});

test("parallel() keeps agents independent: with settled none is touched by what others do", async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (children) => {
      const log = new Log();
      const { value, error } = await log.outcome(
        parallel(log.agents(children), { policy: "settled" }).process(ask),
      );
      assert.deepEqual(log.begun, indices(children.length));
      assert.deepEqual(log.cancelled, []);
      const lines = children.flatMap(({ ok }, i) => ok ? [`[a${i}]: >${i}`] : []);
      if (lines.length > 0) assert.equal(value!.content, lines.join("\n"));
      else assert.ok(error instanceof AggregateAgentError);
    }),
    RUNS,
  );
});

test("parallel() gives one answer however the scheduler orders the agents", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 6 }), async (scheduler, count) => {
      const agents = indices(count).map((i) =>
        agent(`a${i}`, () => scheduler.schedule(Promise.resolve(`${i}`)))
      );
      const work = parallel(agents).process(ask);
      await scheduler.waitFor(work);
      assert.equal(
        (await work).content,
        indices(count).map((i) => `[a${i}]: ${i}`).join("\n"),
      );
    }),
    RUNS,
  );
});

test("parallel() merges streams without losing, doubling or reordering an agent's chunks", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.nat(5), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 5 }),
      async (scheduler, counts, concurrency) => {
        const agents = counts.map((count, i) =>
          agent(`a${i}`, async function* () {
            for (let n = 0; n < count; n++) yield await scheduler.schedule(Promise.resolve(`${n}`));
          })
        );
        const work = collect(parallel(agents, { concurrency }).stream(ask));
        const chunks = await scheduler.waitFor(work);
        counts.forEach((count, i) => {
          const own = chunks.filter(({ metadata }) => metadata.parallel_agent === `a${i}`);
          assert.deepEqual(own.map(text), indices(count).map(String));
        });
      },
    ),
    RUNS,
  );
});

test("conditional() asks exactly one agent: the first that fits, else the default", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ fits: fc.boolean(), later: fc.boolean() }), {
        minLength: 1,
        maxLength: 8,
      }),
      async (routes) => {
        const asked: string[] = [];
        const child = (name: string) =>
          agent(name, () => {
            asked.push(name);
            return name;
          });
        const consulted: number[] = [];
        const answer = await conditional(
          routes.map(({ fits, later }, i) => ({
            when: () => {
              consulted.push(i);
              return later ? Promise.resolve(fits) : fits;
            },
            agent: child(`a${i}`),
          })),
          { otherwise: child("default") },
        ).process(ask);
        const first = routes.findIndex(({ fits }) => fits);
        assert.deepEqual(asked, [first === -1 ? "default" : `a${first}`]);
        assert.equal(answer.metadata.conditional_route, first === -1 ? "default" : first + 1);
        assert.deepEqual(consulted, indices(first === -1 ? routes.length : first + 1));
      },
    ),
    RUNS,
  );
});

test("router() asks exactly one agent for any name whatever", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 6 }),
      fc.string(),
      fc.nat(6),
      async (names, stranger, pick) => {
        const asked: string[] = [];
        const child = (name: string) =>
          agent(name, () => {
            asked.push(name);
            return "";
          });
        const key = names[pick] ?? stranger;
        await router(names.map(child), { route: () => key, otherwise: child("\0default") })
          .process(ask);
        assert.deepEqual(asked, [names.includes(key) ? key : "\0default"]);
      },
    ),
    RUNS,
  );
});

test("an abort at any time settles every composition at that time, with the signal's reason", async () => {
  const shapes = ["sequential", "parallel", "fallback", "conditional", "router"] as const;
  await fc.assert(
    fc.asyncProperty(
      plans,
      fc.constantFrom(...shapes),
      fc.integer({ min: 0, max: 60 }),
      async (children, shape, abortAt) => {
        const log = new Log();
        const agents = log.agents(children);
        const made: Agent = {
          sequential: () => sequential(agents),
          parallel: () => parallel(agents, { policy: "settled" }),
          fallback: () => fallback(agents),
          conditional: () => conditional([{ when: () => true, agent: agents[0]! }]),
          router: () => router(agents, { route: () => "a0" }),
        }[shape]();
        const controller = new AbortController();
        const reason = new Error("enough");
        log.clock.schedule(abortAt, () => controller.abort(reason));
        const { error, at } = await log.outcome(
          made.process(ask, { signal: controller.signal }),
        );
        if (error === reason) assert.equal(at, abortAt);
        else assert.ok(at <= abortAt);
        // Nothing that obeys its signal runs on, and nothing is begun any more.
        const begun = log.begun.length;
        await log.clock.advance(1000);
        assert.equal(log.begun.length, begun);
        assert.equal(log.running, 0);
      },
    ),
    RUNS,
  );
});
