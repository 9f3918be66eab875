import assert from "node:assert/strict";
import { test } from "node:test";
import {
  conditional,
  failurePath,
  fallback,
  parallel,
  router,
  sequential,
} from "../../../src/compose/mod.ts";
import {
  type Agent,
  agent,
  type CallOptions,
  collect,
  createContextKey,
  createContextValues,
  isAgent,
  message,
  text,
  wrap,
} from "../../../src/core/mod.ts";
import { WatchedSignal } from "../core/fakes.ts";
import {
  ask,
  counter,
  deaf,
  deafStream,
  fails,
  jobs,
  obedient,
  rejection,
  says,
  streams,
} from "./support.ts";

/** Every composition, of these agents or of the first of them, by name. */
const make = {
  sequential: (agents: readonly Agent[], name?: string) => sequential(agents, { name }),
  parallel: (agents: readonly Agent[], name?: string) => parallel(agents, { name }),
  fallback: (agents: readonly Agent[], name?: string) => fallback(agents, { name }),
  conditional: (agents: readonly Agent[], name?: string) =>
    conditional(
      Array.isArray(agents)
        ? agents.map((agent: Agent) => ({ when: () => true, agent }))
        : agents as never,
      { name },
    ),
  router: (agents: readonly Agent[], name?: string) => {
    const first = agents?.[0]?.name;
    return router(agents, { name, route: () => first });
  },
};
const kinds = Object.keys(make) as (keyof typeof make)[];

for (const kind of kinds) {
  const of = make[kind];

  test(`${kind}() makes an agent that is called ${kind} unless it is named`, () => {
    assert.ok(isAgent(of([says("a")])));
    assert.equal(of([says("a")]).name, kind);
    assert.equal(of([says("a")], "mine").name, "mine");
  });

  test(`${kind}() refuses no agents, what is none, and a bad name, at construction`, () => {
    for (
      const agents of [
        [],
        undefined,
        null,
        "abc",
        [{}],
        [says("a"), undefined],
        [null],
        new Array(1),
      ]
    ) {
      assert.throws(() => of(agents as never), TypeError);
    }
    for (const name of ["", 1, null]) {
      assert.throws(() => of([says("a")], name as never), {
        name: "TypeError",
        message: /'name' must be a non-empty string/,
      });
    }
  });

  test(`${kind}() has the capabilities of its agents, each once and in order, and its own`, () => {
    const able = (name: string, ...capabilities: string[]) =>
      agent({ name, capabilities, process: () => "" });
    const bare: Agent = { name: "bare", process: (m) => Promise.resolve(m) };
    const all = of([able("x", "b", "a"), bare, able("y", "a", "c", "b")]);
    assert.deepEqual(all.capabilities, ["b", "a", "c", kind]);
    assert.ok(Object.isFrozen(all.capabilities));
  });

  test(`${kind}() is not reached by later changes to the list it was given`, async () => {
    const list = [says("a")];
    const made = of(list);
    list[0] = says("b");
    list.push(says("c"));
    assert.match(text(await made.process(ask)), /a$/);
    if ("agents" in made) {
      assert.ok(Object.isFrozen(made.agents));
      assert.equal(made.agents.length, 1);
    }
  });

  test(`${kind}() hands signal, deadline and values to its agents, in process and stream`, async () => {
    const key = createContextKey("none");
    const seen: CallOptions[] = [];
    const look = (name: string): Agent =>
      agent({
        name,
        process: (_, call) => {
          seen.push(call);
          return "";
        },
        stream: async function* (_, call) {
          seen.push(call);
          yield "x";
        },
      });
    const controller = new AbortController();
    const call = {
      signal: controller.signal,
      deadline: 1e12,
      values: createContextValues().with(key, "v"),
    };
    const signals: AbortSignal[] = [];
    await of([look("a"), look("b")]).process(ask, call);
    await collect(of([look("a"), look("b")]).stream!(ask, call));
    assert.ok(seen.length >= 2);
    for (const { signal, deadline, values } of seen) {
      assert.equal(deadline, 1e12);
      assert.equal(values?.get(key), "v");
      signals.push(signal!);
    }
    assert.ok(signals.every((signal) => signal instanceof AbortSignal));
  });

  test(`${kind}() rejects with the signal's own reason within a tick, and cancels its agents`, async () => {
    for (const way of ["process", "stream"] as const) {
      const controller = new AbortController();
      const reason = { odd: "reason" };
      const child = obedient("child");
      const call = { signal: controller.signal };
      const made = of([child]);
      const work: Promise<unknown> = way === "process"
        ? made.process(ask, call)
        : collect(made.stream!(ask, call));
      const outcome = rejection(work);
      await jobs();
      let settled: unknown = "pending";
      outcome.then((error) => settled = error);
      controller.abort(reason);
      await jobs();
      assert.equal(settled, reason, way);
      assert.deepEqual(child.reasons, [reason], way);
    }
  });

  test(`${kind}() returns when the caller aborts though its agent ignores the signal`, async () => {
    for (const way of ["process", "stream"] as const) {
      const controller = new AbortController();
      const made = of([way === "process" ? deaf() : deafStream()]);
      const call = { signal: controller.signal };
      const work: Promise<unknown> = way === "process"
        ? made.process(ask, call)
        : collect(made.stream!(ask, call));
      await jobs();
      controller.abort(new Error("enough"));
      await assert.rejects(work, /enough/);
    }
  });

  test(`${kind}() streams an agent that only processes, which may ignore the signal too`, async () => {
    if (kind === "sequential") return;
    const controller = new AbortController();
    const work = collect(
      of([deaf(), streams("b", ["x"])]).stream!(ask, { signal: controller.signal }),
    );
    await jobs();
    controller.abort(new Error("enough"));
    await assert.rejects(work, /enough/);
  });

  test(`${kind}() is let go of by an abort while a stream takes for ever to end`, async () => {
    const stuck = agent("stuck", async function* () {
      try {
        yield "a";
        yield "b";
      } finally {
        await new Promise<never>(() => {});
      }
    });
    const controller = new AbortController();
    const leaving = (async () => {
      for await (const _ of of([stuck]).stream!(ask, { signal: controller.signal })) break;
    })();
    await jobs();
    controller.abort(new Error("enough"));
    await leaving;
  });

  test(`${kind}() asks nobody when the caller had aborted before`, async () => {
    const child = obedient("child");
    const call = { signal: AbortSignal.abort(new Error("before")) };
    await assert.rejects(of([child]).process(ask, call), /before/);
    await assert.rejects(collect(of([child]).stream!(ask, call)), /before/);
    assert.equal(child.begun, 0);
    const blind = counter();
    await assert.rejects(of([blind]).process(ask, call), /before/);
    assert.equal(blind.calls, 0);
  });

  test(`${kind}() does not blame an agent that fails because the caller has left`, async () => {
    for (const way of ["process", "stream"] as const) {
      const controller = new AbortController();
      const own = new Error("connection lost");
      const wait = (call: CallOptions) =>
        new Promise<never>((_, reject) => {
          call.signal!.addEventListener("abort", () => reject(own));
        });
      const child = agent({
        name: "child",
        process: (_, call) => wait(call),
        stream: async function* (_, call) {
          yield await wait(call);
        },
      });
      const call = { signal: controller.signal };
      const work: Promise<unknown> = way === "process"
        ? of([child]).process(ask, call)
        : collect(of([child]).stream!(ask, call));
      await jobs();
      const reason = new Error("left");
      controller.abort(reason);
      assert.equal(await rejection(work), reason, way);
      await jobs();
      assert.deepEqual(failurePath(own), [], way);
      assert.deepEqual(failurePath(reason), [], way);
    }
  });

  test(`${kind}() leaves nothing on the caller's signal`, async () => {
    const watched = new WatchedSignal();
    const call = { signal: watched.signal };
    const made = of([streams("a", ["x", "y"])]);
    await made.process(ask, call);
    await collect(made.stream!(ask, call));
    for await (const _ of made.stream!(ask, call)) break;
    await assert.rejects(of([fails("b")]).process(ask, call));
    await assert.rejects(collect(of([streams("b", ["x"], new Error("b"))]).stream!(ask, call)));
    assert.ok(watched.added > 0);
    assert.equal(watched.listeners, 0);
  });

  test(`${kind}() works below a middleware whose signal is made only when asked for`, async () => {
    const child = obedient("child");
    const reason = new Error("outer");
    const outer = parallel([
      of([child]),
      agent("other", async () => {
        await jobs(20);
        throw reason;
      }),
    ]);
    await assert.rejects(outer.process(ask), /other: outer/);
    assert.equal(child.reasons.length, 1);
  });

  test(`${kind}() can be nested in every composition`, async () => {
    for (const outer of kinds) {
      const nested = make[outer]([of([streams("a", ["x", "y"])], "inner")], "outer");
      assert.match(text(await nested.process(ask)), /xy$/);
      assert.equal((await collect(nested.stream!(ask))).map(text).join(""), "xy");
    }
  });

  test(`${kind}() can be wrapped`, async () => {
    const log: string[] = [];
    const wrapped = wrap(of([streams("a", ["x"])]), (next) => ({
      name: next.name,
      process: (m, call) => {
        log.push("process");
        return next.process(m, call);
      },
      stream: (m, call) => {
        log.push("stream");
        return next.stream!(m, call);
      },
    }));
    await wrapped.process(ask);
    await collect(wrapped.stream!(ask));
    assert.deepEqual(log, ["process", "stream"]);
  });

  test(`${kind}() can be asked by many callers at once, whose aborts do not touch each other`, async () => {
    const controller = new AbortController();
    const child = agent("child", async (m, call) => {
      for (let i = 0; i < 20; i++) {
        await null;
        call.signal?.throwIfAborted();
      }
      return text(m);
    });
    const made = of([child]);
    const first = made.process(message("user", "1"), { signal: controller.signal });
    const second = made.process(message("user", "2"), { signal: new AbortController().signal });
    const third = made.process(message("user", "3"));
    controller.abort(new Error("mine"));
    await assert.rejects(first, /mine/);
    assert.match(text(await second), /2$/);
    assert.match(text(await third), /3$/);
  });
}
