import { test } from "node:test";
import assert from "node:assert/strict";
import {
  AgenkitError,
  collect,
  createContextValues,
  message,
  RemoteError,
  text,
  TimeoutError,
} from "../../../../mod.ts";
import type { Channel } from "../../../../src/transport/channel/channel.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import {
  ChannelAgent,
  type ChannelAgentOptions,
} from "../../../../src/transport/channel/client.ts";
import { idempotentKey } from "../../../../src/transport/channel/idempotent.ts";
import { rejection } from "../../rejection.ts";
import { said, scriptedPair, type ScriptedPeer } from "./scripted_peer.ts";

const ask = (content = "hello") => message("user", content);

/** An agent whose connections end at `serve`, each in turn. */
function agentOf(
  serve: (end: ScriptedPeer, index: number) => unknown,
  options: ChannelAgentOptions = {},
) {
  const clock = new TestClock();
  const ends: ScriptedPeer[] = [];
  const agent = new ChannelAgent({
    action: "call a pair",
    fallbackName: "pair",
    url: "pair://x",
    connect: () => {
      const [ours, theirs] = scriptedPair();
      const index = ends.push(theirs) - 1;
      Promise.resolve(serve(theirs, index)).catch(() => {});
      return Promise.resolve(ours);
    },
  }, { clock, random: () => 0.5, ...options });
  return { agent, clock, ends };
}

/** Answers each request with its own text. */
async function echo(end: ScriptedPeer) {
  for (;;) {
    const { id, payload } = await end.next();
    await end.answer("response", id, said(`Echo: ${payload.message.content}`));
  }
}

/** Streams the words of each request. */
async function words(end: ScriptedPeer) {
  for (;;) {
    const { id, payload } = await end.next();
    for (const word of payload.message.content.split(" ")) {
      await end.answer("stream_chunk", id, said(word));
    }
    await end.answer("stream_end", id, {});
  }
}

test("ChannelAgent sends the peers' request and uses one connection again", async () => {
  const seen: unknown[] = [];
  const { agent, ends, clock } = agentOf(async (end) => {
    for (;;) {
      const request = await end.next();
      seen.push(request);
      await end.answer("response", request.id, said("yes"));
    }
  }, { name: "remote" });
  assert.equal(ends.length, 0, "connected before the first call");
  for (let i = 0; i < 3; i++) assert.equal(text(await agent.process(ask())), "yes");
  assert.equal(ends.length, 1);
  const [first] = seen as [Record<string, unknown>];
  // The time left is ours: peers of other languages ignore keys beside the payload.
  assert.deepEqual(
    Object.keys(first),
    ["version", "type", "id", "timestamp", "timeout_ms", "payload"],
  );
  assert.equal(first["timeout_ms"], 30_000);
  const { payload } = first as { payload: Record<string, unknown> };
  assert.deepEqual(Object.keys(payload), ["method", "agent_name", "message"]);
  await agent.close();
  assert.equal(clock.pending, 0);
  assert.equal(ends[0]!.isOpen, false);
});

test("ChannelAgent streams, and the connection serves the next call", async () => {
  const { agent, ends } = agentOf(words);
  assert.deepEqual((await collect(agent.stream(ask("a b c")))).map(text), ["a", "b", "c"]);
  assert.deepEqual((await collect(agent.stream(ask("d")))).map(text), ["d"]);
  assert.equal(ends.length, 1);
});

test("ChannelAgent says how long the caller waits: for an answer its own limit, for a stream the call's", async () => {
  const asked: unknown[] = [];
  const { agent, clock } = agentOf(async (end) => {
    for (;;) {
      const { id, timeout_ms, payload: { method } } = await end.next();
      asked.push(timeout_ms);
      if (method === "process") await end.answer("response", id, said("yes"));
      else await end.answer("stream_end", id, {});
    }
  }, { timeoutMs: 1000 });
  await agent.process(ask());
  await agent.process(ask(), { deadline: clock.now() + 500 });
  await collect(agent.stream(ask()));
  await collect(agent.stream(ask(), { deadline: clock.now() + 60_000 }));
  assert.deepEqual(asked, [1000, 500, undefined, 60_000]);
});

test("ChannelAgent carries one call at a time on each connection, up to the limit, in turn", async () => {
  let running = 0;
  let most = 0;
  const order: string[] = [];
  const { agent, ends } = agentOf(async (end) => {
    for (;;) {
      const { id, payload } = await end.next();
      most = Math.max(most, ++running);
      order.push(payload.message.content);
      for (let i = 0; i < 5; i++) await null;
      running--;
      await end.answer("response", id, said(payload.message.content));
    }
  }, { maxConnections: 2 });
  const answers = await Promise.all(
    Array.from({ length: 7 }, (_, i) => agent.process(ask(`${i}`))),
  );
  assert.deepEqual(answers.map(text), ["0", "1", "2", "3", "4", "5", "6"]);
  assert.deepEqual(order, ["0", "1", "2", "3", "4", "5", "6"]);
  assert.equal(most, 2);
  assert.equal(ends.length, 2);
});

test("ChannelAgent refuses what would wait beyond its queue", async () => {
  const { agent } = agentOf(() => {}, { maxConnections: 1, maxQueue: 1 });
  void agent.process(ask()).catch(() => {});
  void agent.process(ask()).catch(() => {});
  const error = await rejection(agent.process(ask()));
  assert.equal(error.code, "resource_exhausted");
  assert.match(error.message, /expected at most 1 beside 1/);
  await agent.close();
});

test("ChannelAgent drops the connection of a call that timed out: its late answer reaches nobody", async () => {
  const { agent, clock, ends } = agentOf(async (end, index) => {
    if (index > 0) return echo(end);
    const { id } = await end.next();
    await clock.sleep(2_000);
    await end.answer("response", id, said("too late"));
  }, { timeoutMs: 1_000 });
  const first = rejection(agent.process(ask("first")));
  await clock.advance(1_000);
  assert.ok(await first instanceof TimeoutError);
  assert.equal(ends[0]!.isOpen, false);
  assert.equal(text(await agent.process(ask("second"))), "Echo: second");
});

test("ChannelAgent rejects with the signal's reason at once, and closes the connection", async () => {
  const { agent, ends } = agentOf(() => {});
  const controller = new AbortController();
  const reason = new Error("went home");
  const call = agent.process(ask(), { signal: controller.signal });
  while (ends.length === 0) await null;
  controller.abort(reason);
  assert.equal(await rejection(call), reason);
  await ends[0]!.closed;
});

test("ChannelAgent closes the connection of a stream that is left, also while the consumer holds a chunk", async () => {
  const serve = async (end: ScriptedPeer) => {
    const { id } = await end.next();
    await end.answer("stream_chunk", id, said("one"));
  };
  const left = agentOf(serve);
  for await (const _ of left.agent.stream(ask())) break;
  await left.ends[0]!.closed;

  const aborted = agentOf(serve);
  const controller = new AbortController();
  const reason = new Error("enough");
  const stream = aborted.agent.stream(ask(), { signal: controller.signal });
  await stream.next();
  controller.abort(reason);
  await aborted.ends[0]!.closed;
  assert.equal(await rejection(stream.next()), reason);
});

test("ChannelAgent takes a call out of the queue when its signal aborts", async () => {
  const { agent, ends } = agentOf(async (end) => {
    const { id } = await end.next();
    await release.promise;
    await end.answer("response", id, said("first"));
    await echo(end);
  }, { maxConnections: 1 });
  const release = Promise.withResolvers<void>();
  const first = agent.process(ask("first"));
  const controller = new AbortController();
  const second = rejection(agent.process(ask("second"), { signal: controller.signal }));
  const third = agent.process(ask("third"));
  controller.abort(new Error("left the queue"));
  assert.match((await second).message, /left the queue/);
  release.resolve();
  assert.equal(text(await first), "first");
  assert.equal(text(await third), "Echo: third");
  assert.equal(ends.length, 1);
});

test("ChannelAgent fails a call whose connection is lost with unavailable, and sends nothing twice", async () => {
  for (const end of ["cut", "close"] as const) {
    let requests = 0;
    const { agent, ends } = agentOf(async (peer) => {
      await peer.next();
      requests++;
      peer[end]();
    });
    const error = await rejection(agent.process(ask()));
    assert.equal(error.code, "unavailable");
    assert.equal(error.retryable, true);
    assert.equal(requests, 1);
    assert.equal(ends.length, 1);
  }
});

test("ChannelAgent sends an idempotent call once more, and no more than that", async () => {
  let requests = 0;
  const serve = async (end: ScriptedPeer, index: number) => {
    await end.next().then(({ id }) => {
      requests++;
      if (index === 0) end.cut();
      else return end.answer("response", id, said("second time"));
    });
  };
  const values = createContextValues().with(idempotentKey, true);
  assert.equal(text(await agentOf(serve).agent.process(ask(), { values })), "second time");
  assert.equal(
    text(await agentOf(serve, { idempotent: true }).agent.process(ask())),
    "second time",
  );
  assert.equal(requests, 4);

  const never = values.with(idempotentKey, false);
  const refusing = agentOf(serve, { idempotent: true }).agent;
  assert.equal((await rejection(refusing.process(ask(), { values: never }))).code, "unavailable");

  const always = agentOf(async (end) => {
    await end.next();
    end.cut();
  }, { idempotent: true });
  assert.equal((await rejection(always.agent.process(ask()))).code, "unavailable");
  assert.equal(always.ends.length, 2);
});

test("ChannelAgent does not repeat a stream that has begun, idempotent or not", async () => {
  const { agent, ends } = agentOf(async (end) => {
    const { id } = await end.next();
    await end.answer("stream_chunk", id, said("one"));
  }, { idempotent: true });
  const got: string[] = [];
  const error = await rejection((async () => {
    for await (const chunk of agent.stream(ask())) {
      got.push(text(chunk));
      ends[0]!.cut();
    }
  })());
  assert.equal(error.code, "unavailable");
  assert.deepEqual(got, ["one"]);
  assert.equal(ends.length, 1);
});

test("ChannelAgent keeps the connection after an error of the agent, and drops it after anything unexpected", async () => {
  const cases: [string, (end: ScriptedPeer, id: string) => Promise<void>, boolean][] = [
    ["unknown", (end, id) => end.answer("error", id, { error_code: "AGENT_ERROR" }), true],
    ["internal", (end) => end.answer("response", "another", said("x")), false],
    ["internal", (end, id) => end.answer("stream_chunk", id, said("x")), false],
    ["internal", (end) => end.send("garbage"), false],
    ["invalid_argument", (end) =>
      end.answer("error", "unknown", {
        error_code: "INVALID_MESSAGE",
        error_message: "not understood",
      }), false],
  ];
  for (const [code, answer, kept] of cases) {
    const { agent, ends } = agentOf(async (end, index) => {
      if (index === 0) await answer(end, (await end.next()).id);
      await echo(end);
    });
    const error = await rejection(agent.process(ask()));
    assert.ok(error instanceof AgenkitError, `${error}`);
    assert.equal(error.code, code, error.message);
    assert.equal(ends[0]!.isOpen, kept, error.message);
    assert.equal(text(await agent.process(ask("next"))).startsWith("Echo"), true);
  }
});

test("ChannelAgent hands on an agent's error in the middle of a stream", async () => {
  const { agent, ends } = agentOf(async (end) => {
    const { id } = await end.next();
    await end.answer("stream_chunk", id, said("one"));
    await end.answer("error", id, { error_code: "STREAM_ERROR", error_message: "broke" });
    await words(end);
  });
  const got: string[] = [];
  const error = await rejection((async () => {
    for await (const chunk of agent.stream(ask())) got.push(text(chunk));
  })());
  assert.ok(error instanceof RemoteError && error.remoteCode === "STREAM_ERROR");
  assert.deepEqual(got, ["one"]);
  assert.deepEqual((await collect(agent.stream(ask("again")))).map(text), ["again"]);
  assert.equal(ends.length, 1);
});

test("ChannelAgent gives each chunk its time, and the consumer all the time it wants", async () => {
  const { agent, clock } = agentOf(async (end) => {
    const { id } = await end.next();
    for (const word of ["a", "b"]) {
      await clock.sleep(900);
      await end.answer("stream_chunk", id, said(word));
    }
  }, { timeoutMs: 1_000 });
  const stream = agent.stream(ask());
  const first = stream.next();
  await clock.advance(900);
  assert.equal(text((await first).value!), "a");
  await clock.advance(60_000);
  assert.equal(text((await stream.next()).value!), "b");
  const last = rejection(stream.next());
  await clock.advance(1_000);
  assert.ok(await last instanceof TimeoutError);
});

test("ChannelAgent tries to connect again with full jitter, within the call's time", async () => {
  const at: number[] = [];
  const clock = new TestClock();
  const make = (fails: number, options: ChannelAgentOptions = {}) =>
    new ChannelAgent({
      action: "call a pair",
      fallbackName: "pair",
      url: "pair://x",
      connect: () => {
        at.push(clock.now());
        if (at.length <= fails) {
          return Promise.reject(new AgenkitError("unavailable", "nobody listens"));
        }
        const [ours, theirs] = scriptedPair();
        void echo(theirs).catch(() => {});
        return Promise.resolve(ours);
      },
    }, { clock, random: () => 0.5, reconnect: { maxMs: 300 }, ...options });

  const call = make(4).process(ask());
  await clock.advance(10_000);
  assert.equal(text(await call), "Echo: hello");
  // Half of 100, 200, 300 and 300.
  assert.deepEqual(at, [0, 50, 150, 300, 450]);

  at.length = 0;
  const given = rejection(make(9).process(ask()));
  await clock.advance(10_000);
  assert.equal((await given).code, "unavailable");
  assert.equal(at.length, 5);

  at.length = 0;
  const late = rejection(make(9, { timeoutMs: 100 }).process(ask()));
  await clock.advance(100);
  assert.ok(await late instanceof TimeoutError);
  assert.equal(at.length, 2);
});

test("ChannelAgent does not try again what cannot go better", async () => {
  let attempts = 0;
  const agent = new ChannelAgent({
    action: "call a pair",
    fallbackName: "pair",
    url: "pair://x",
    connect: () => {
      attempts++;
      return Promise.reject(new AgenkitError("permission_denied", "not you"));
    },
  });
  assert.equal((await rejection(agent.process(ask()))).code, "permission_denied");
  assert.equal(attempts, 1);
});

test("ChannelAgent closes connections that were idle too long, and those its peer has closed are not used", async () => {
  const { agent, clock, ends } = agentOf(echo, { idleMs: 1_000 });
  await Promise.all([agent.process(ask()), agent.process(ask())]);
  assert.equal(ends.length, 2);
  await clock.advance(600);
  await agent.process(ask());
  await clock.advance(600);
  // The one used last is used again, so only the other one is idle for long.
  assert.deepEqual(ends.map((end) => end.isOpen).sort(), [false, true]);
  assert.equal(agent.connections, 1);
  ends.find((end) => end.isOpen)!.close();
  for (let i = 0; i < 3; i++) await null;
  assert.equal(agent.connections, 0);
  assert.equal(text(await agent.process(ask("new"))), "Echo: new");
  await clock.advance(2_000);
  assert.equal(agent.connections, 0);
  assert.equal(clock.pending, 0);
});

test("ChannelAgent.close() fails what runs and what waits, and refuses calls", async () => {
  const asked = Promise.withResolvers<void>();
  const { agent, clock } = agentOf((end) => end.next().then(() => asked.resolve()), {
    maxConnections: 1,
  });
  const running = rejection(agent.process(ask()));
  const waiting = rejection(agent.process(ask()));
  await asked.promise;
  await agent.close();
  await agent.close();
  assert.equal((await running).code, "unavailable");
  assert.equal((await waiting).code, "failed_precondition");
  assert.equal((await rejection(agent.process(ask()))).code, "failed_precondition");
  assert.equal(clock.pending, 0);
});

test("ChannelAgent closes a connection that comes after its caller has left", async () => {
  const connecting = Promise.withResolvers<Channel>();
  const agent = new ChannelAgent({
    action: "call a pair",
    fallbackName: "pair",
    url: "pair://x",
    connect: () => connecting.promise,
  });
  const controller = new AbortController();
  const call = rejection(agent.process(ask(), { signal: controller.signal }));
  controller.abort(new Error("left"));
  assert.match((await call).message, /left/);
  const [ours, theirs] = scriptedPair();
  connecting.resolve(ours);
  await theirs.closed;
  assert.equal(agent.connections, 0);
});

test("ChannelAgent refuses bad options at construction, by name", () => {
  const make = (options: object) => () =>
    new ChannelAgent({
      action: "call a pair",
      fallbackName: "pair",
      url: "pair://x",
      connect: () => Promise.reject(new Error("not called")),
    }, options);
  const wrong: [object, RegExp][] = [
    [{ timeoutMs: 0 }, /Cannot call a pair as 'timeoutMs' must be a positive number/],
    [{ maxBytes: -1 }, /'maxBytes'/],
    [{ maxConnections: 0 }, /'maxConnections' must be a positive integer/],
    [{ maxQueue: -1 }, /'maxQueue'/],
    [{ idleMs: NaN }, /'idleMs'/],
    [{ reconnect: { maxAttempts: 0 } }, /'reconnect.maxAttempts'/],
    [{ random: 1 }, /'random' must be a function/],
  ];
  for (const [options, text] of wrong) assert.throws(make(options), text);
});
