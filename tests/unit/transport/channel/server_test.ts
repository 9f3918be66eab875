import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  type Agent,
  agent,
  type ContextValues,
  createContextKey,
  createContextValues,
  type Message,
  message,
  neverBegan,
  text,
} from "../../../../mod.ts";
import { decodeEnvelope } from "../../../../src/protocol/decode.ts";
import { encodeRequest } from "../../../../src/protocol/encode.ts";
import type { Envelope } from "../../../../src/protocol/envelope.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import {
  ChannelServer,
  type ChannelServerOptions,
} from "../../../../src/transport/channel/server.ts";
import { channelPair, type PairOptions } from "./pair.ts";

const echo = agent("echo", (m) => `Echo: ${text(m)}`);
const question = message("user", "hi");

/** A server with one connection, and the client's end of it. */
function connected(
  agents: Agent | readonly Agent[],
  options: ChannelServerOptions & PairOptions & { values?: ContextValues } = {},
) {
  const clock = new TestClock();
  const server = new ChannelServer(agents, { clock, ...options });
  const [client, end] = channelPair(options);
  const done = server.serve(end, options.values);
  return { clock, server, client, end, done, ...caller(client) };
}

function caller(client: ReturnType<typeof channelPair>[0]) {
  let next = 0;
  const ask = (
    method: "process" | "stream" = "process",
    body: Message = question,
    more: { timeoutMs?: number; agentName?: string } = {},
  ) => client.send(encodeRequest({ id: `${++next}`, method, message: body, ...more }));
  const answer = async (): Promise<Envelope> => {
    const received = await client.receive();
    assert.ok(received !== undefined, "the server has ended the connection");
    return decodeEnvelope(received);
  };
  return { ask, answer };
}

function failure(envelope: Envelope): AgenkitError {
  assert.equal(envelope.type, "error");
  return (envelope as Extract<Envelope, { type: "error" }>).error;
}

function said(envelope: Envelope): string {
  assert.ok(envelope.type === "response" || envelope.type === "stream_chunk", envelope.type);
  return text(envelope.message);
}

async function settle(): Promise<void> {
  for (let i = 0; i < 100; i++) await null;
}

/** An agent whose calls are answered by hand. */
function controlled() {
  const calls: (PromiseWithResolvers<string> & { signal: AbortSignal })[] = [];
  const inner = agent("controlled", (_, { signal }) => {
    const call = { ...Promise.withResolvers<string>(), signal: signal! };
    calls.push(call);
    return call.promise;
  });
  return { inner, calls };
}

test("ChannelServer answers requests of one connection one by one, in order", async () => {
  const { inner, calls } = controlled();
  const { ask, answer, server } = connected(inner);
  await ask();
  await ask();
  await settle();
  assert.equal(calls.length, 1, "the second waits for the first");
  assert.equal(server.inFlight, 1);
  calls[0]!.resolve("one");
  const first = await answer();
  assert.equal(first.id, "1");
  assert.equal(said(first), "one");
  await settle();
  calls[1]!.resolve("two");
  assert.equal((await answer()).id, "2");
  await settle();
  assert.equal(server.inFlight, 0);
});

test("ChannelServer streams chunks and the end under the request's id; the connection lives on", async () => {
  const counting = agent("counting", async function* () {
    yield "1";
    yield "2";
  });
  const { ask, answer } = connected(counting);
  for (let round = 1; round <= 2; round++) {
    await ask("stream");
    assert.equal(said(await answer()), "1");
    assert.equal(said(await answer()), "2");
    assert.deepEqual(await answer(), { type: "stream_end", id: `${round}` });
  }
});

test("ChannelServer does not ask for a chunk that the peer has no room for", async () => {
  let made = 0;
  const endless = agent("endless", async function* () {
    for (;;) yield `${++made}`;
  });
  const { ask, answer } = connected(endless, { capacity: 3 });
  await ask("stream");
  await settle();
  assert.equal(made, 4);
  await answer();
  await settle();
  assert.equal(made, 5);
});

test("ChannelServer sends errors as envelopes, and the connection lives on", async () => {
  const broken = agent({
    name: "broken",
    process: () => {
      throw new AgenkitError("not_found", "gone", { details: { what: "it" } });
    },
    stream: async function* () {
      yield "1";
      throw new Error("in the middle");
    },
  });
  const { ask, answer } = connected([broken, echo]);
  await ask();
  const error = failure(await answer());
  assert.equal(error.code, "not_found");
  assert.equal(error.message, "gone");
  assert.deepEqual(error.details, { what: "it" });
  await ask("stream");
  assert.equal(said(await answer()), "1");
  assert.equal(failure(await answer()).message, "in the middle");
  await ask("stream", question, { agentName: "echo" });
  assert.equal(failure(await answer()).code, "unimplemented");
  await ask("process", question, { agentName: "echo" });
  assert.equal(said(await answer()), "Echo: hi");
});

test("ChannelServer answers what it cannot read under the id that it had, or 'unknown'", async () => {
  const { ask, answer, client } = connected(echo);
  const cases: [string, string, RegExp][] = [
    ["garbage", "unknown", /expected JSON/],
    ["[]", "unknown", /expected an object/],
    ['{"id":"a","version":"2.0","type":"request","payload":{}}', "a", /version/],
    ['{"id":"b","version":"1.0","type":"request","payload":null}', "b", /payload/],
    ['{"id":"c","version":"1.0","type":"stream_end","payload":{}}', "c", /expected "request"/],
    [
      JSON.stringify({
        id: "d",
        payload: { method: "execute", message: { role: "user", content: "x" } },
      }),
      "d",
      /expected "process" or "stream", got "execute"/,
    ],
  ];
  for (const [sent, id, expected] of cases) {
    await client.send(sent);
    const envelope = await answer();
    assert.equal(envelope.id, id);
    assert.equal(failure(envelope).code, "invalid_argument");
    assert.match(failure(envelope).message, expected);
  }
  await ask();
  assert.equal(said(await answer()), "Echo: hi");
});

test("ChannelServer tells a peer of a frame that cannot be, after the answers before it, and closes", async () => {
  const { inner, calls } = controlled();
  for (
    const [code, closeCode] of [["resource_exhausted", 1009], ["invalid_argument", 1007]] as const
  ) {
    const { ask, answer, client, end, done } = connected(inner);
    await ask();
    await settle();
    end.fail(new AgenkitError(code, "A frame is too large or no text"));
    await settle();
    calls.pop()!.resolve("still here");
    assert.equal(said(await answer()), "still here");
    const envelope = await answer();
    assert.equal(envelope.id, "unknown");
    assert.equal(failure(envelope).code, code);
    assert.equal(await client.receive(), undefined);
    await done;
    assert.equal(end.closedWith?.[0], closeCode);
  }
});

test("ChannelServer aborts what runs for a peer that leaves or vanishes", async () => {
  for (const leave of ["close", "vanish"] as const) {
    const { inner, calls } = controlled();
    const { ask, client, done, server, clock } = connected(inner);
    await ask();
    await ask();
    await settle();
    client[leave]();
    await done;
    assert.equal(calls[0]!.signal.aborted, true);
    assert.equal(calls[0]!.signal.reason.name, "AbortError");
    assert.equal(calls.length, 1, "what waited does not run");
    assert.equal(server.inFlight, 0);
    assert.equal(server.connections, 0);
    assert.equal(clock.pending, 0);
  }
});

test("ChannelServer aborts what runs when the connection breaks, also while it reads nothing", async () => {
  const { inner, calls } = controlled();
  const broken = connected(inner);
  await broken.ask();
  await settle();
  broken.end.fail(new AgenkitError("unavailable", "The connection broke"));
  await broken.done;
  assert.equal(calls[0]!.signal.aborted, true);
  const full = connected(inner, { maxQueued: 1 });
  for (let i = 0; i < 3; i++) await full.ask();
  await settle();
  assert.equal(full.end.receiving, false);
  full.client.vanish();
  await full.done;
  assert.equal(calls[1]!.signal.aborted, true);
  assert.equal(calls.length, 2);
});

test("ChannelServer closes the stream of a peer that leaves", async () => {
  let closed = 0;
  const endless = agent("endless", async function* () {
    try {
      for (;;) yield "x";
    } finally {
      closed++;
    }
  });
  const { ask, answer, client, done, clock } = connected(endless, { capacity: 1 });
  await ask("stream");
  await answer();
  client.close();
  await done;
  await settle();
  assert.equal(closed, 1);
  assert.equal(clock.pending, 0);
});

test("ChannelServer ends calls at the peer's deadline or its own cap", async () => {
  const { inner, calls } = controlled();
  const { ask, answer, clock } = connected(inner, { maxTimeoutMs: 1000 });
  await ask("process", question, { timeoutMs: 100 });
  await clock.advance(100);
  const first = failure(await answer());
  assert.equal(first.code, "deadline_exceeded");
  assert.equal(calls[0]!.signal.aborted, true);
  await ask("process", question, { timeoutMs: 1e9 });
  await clock.advance(999);
  assert.equal(calls[1]!.signal.aborted, false);
  await clock.advance(1);
  assert.match(failure(await answer()).message, /within 1000 ms/);
});

test("ChannelServer closes a connection without calls after idleTimeoutMs, and none that is busy", async () => {
  const { inner, calls } = controlled();
  const { ask, answer, clock, client, end, done } = connected(inner, { idleTimeoutMs: 1000 });
  await clock.advance(900);
  await ask();
  await clock.advance(5000);
  calls[0]!.resolve("late");
  assert.equal(said(await answer()), "late");
  await clock.advance(999);
  assert.equal(end.closedWith, undefined);
  await clock.advance(1);
  assert.equal(await client.receive(), undefined);
  await done;
  assert.equal(clock.pending, 0);
});

test("ChannelServer drops a peer that takes nothing for sendTimeoutMs", async () => {
  const { ask, clock, server, done, end } = connected(echo, { capacity: 0, sendTimeoutMs: 500 });
  await Promise.race([ask(), settle()]);
  await settle();
  assert.equal(server.connections, 1);
  await clock.advance(500);
  await done;
  assert.match(end.closedWith?.[1] ?? "", /did not take an envelope within 500 ms/);
  assert.equal(clock.pending, 0);
});

test("ChannelServer reads no more than maxQueued requests ahead", async () => {
  const { inner, calls } = controlled();
  const { ask, end, answer } = connected(inner, { maxQueued: 2 });
  for (let i = 0; i < 6; i++) void ask();
  await settle();
  assert.equal(end.waiting, 3, "one runs, two are queued");
  calls[0]!.resolve("x");
  await answer();
  await settle();
  assert.equal(end.waiting, 2);
});

test("ChannelServer reads no more ahead than one message of the largest size", async () => {
  const { inner } = controlled();
  const { ask, end } = connected(inner, { maxBytes: 1000 });
  for (let i = 0; i < 6; i++) void ask("process", message("user", "x".repeat(600)));
  await settle();
  assert.equal(end.waiting, 3, "one runs, two are queued since the first was less than the limit");
});

test("ChannelServer refuses calls above maxInFlight over all connections", async () => {
  const { inner, calls } = controlled();
  const { ask, answer, server } = connected(inner, { maxInFlight: 1 });
  const [client, end] = channelPair();
  const other = caller(client);
  void server.serve(end);
  await ask();
  await settle();
  await other.ask();
  const error = failure(await other.answer());
  assert.equal(error.code, "unavailable");
  assert.equal(error.retryable, true);
  assert.equal(error.retryAfterMs, 1000);
  assert.equal(neverBegan(error), true);
  calls[0]!.resolve("x");
  await answer();
  await other.ask();
  await settle();
  calls[1]!.resolve("y");
  assert.equal(said(await other.answer()), "y");
});

test("ChannelServer sends no answer above maxBytes, but an error", async () => {
  let closed = 0;
  const wide = agent({
    name: "wide",
    process: () => "x".repeat(2000),
    stream: async function* () {
      try {
        yield "1";
        yield "x".repeat(2000);
      } finally {
        closed++;
      }
    },
  });
  const { ask, answer } = connected(wide, { maxBytes: 1000 });
  await ask();
  assert.equal(failure(await answer()).code, "resource_exhausted");
  await ask("stream");
  await answer();
  assert.equal(failure(await answer()).code, "resource_exhausted");
  assert.equal(closed, 1);
});

test("ChannelServer strips tool calls unless it trusts them, and hands values on", async () => {
  const key = createContextKey("none");
  const spy = agent("spy", (m, { values }) => `${Object.keys(m.metadata)} ${values?.get(key)}`);
  const calls = message("user", "", { tool_calls: [] });
  const values = createContextValues().with(key, "mine");
  const strict = connected(spy, { values });
  await strict.ask("process", calls);
  assert.equal(said(await strict.answer()), " mine");
  const trusting = connected(spy, { trustToolCalls: true });
  await trusting.ask("process", calls);
  assert.equal(said(await trusting.answer()), "tool_calls undefined");
});

test("ChannelServer shows clients the text that errorText makes, but tells bad requests as they are", async () => {
  const failing = agent("failing", () => {
    throw new AgenkitError("internal", "password: hunter2");
  });
  const { ask, answer, client } = connected(failing, { errorText: () => "Something broke" });
  await ask();
  const error = failure(await answer());
  assert.equal(error.message, "Something broke");
  assert.equal(error.code, "internal");
  await client.send("garbage");
  assert.match(failure(await answer()).message, /expected JSON/);
});

test("drain() closes idle connections at once and busy ones after their call", async () => {
  const { inner, calls } = controlled();
  const { ask, answer, client, end, server, clock } = connected(inner);
  const [idle, idleEnd] = channelPair();
  void server.serve(idleEnd);
  await ask();
  await ask();
  await settle();
  let drained = false;
  const drain = server.drain().then(() => drained = true);
  assert.equal(await idle.receive(), undefined);
  assert.equal(idleEnd.closedWith?.[0], 1001);
  assert.equal(server.draining, true);
  await settle();
  assert.equal(drained, false);
  calls[0]!.resolve("done");
  assert.equal(said(await answer()), "done");
  const refused = failure(await answer());
  assert.equal(refused.code, "unavailable");
  assert.match(refused.message, /draining/);
  assert.equal(neverBegan(refused), true);
  assert.equal(await client.receive(), undefined);
  assert.equal(end.closedWith?.[0], 1001);
  await drain;
  assert.equal(calls.length, 1);
  assert.equal(clock.pending, 0);
  const [late, lateEnd] = channelPair();
  await server.serve(lateEnd);
  assert.equal(await late.receive(), undefined);
});

test("close() cuts what runs", async () => {
  const { inner, calls } = controlled();
  const { ask, client, server } = connected(inner);
  await ask();
  await settle();
  await server.close();
  assert.equal(calls[0]!.signal.aborted, true);
  assert.equal(await client.receive(), undefined);
  assert.equal(server.connections, 0);
});

test("ChannelServer refuses options that are not valid, by name", () => {
  const make = (options: unknown, agents: unknown = echo) => () =>
    new ChannelServer(agents as Agent, options as ChannelServerOptions, "serve over TCP");
  assert.throws(make({ maxBytes: 0 }), {
    name: "RangeError",
    message:
      "Cannot serve over TCP as 'maxBytes' must be a positive number or Infinity: current value is 0",
  });
  assert.throws(make({ idleTimeoutMs: "1s" }), TypeError);
  assert.throws(make({ errorText: "x" }), TypeError);
  assert.throws(make({ defaultAgent: "other" }), TypeError);
  assert.throws(make({}, {}), TypeError);
});
