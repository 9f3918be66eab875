import { test } from "node:test";
import assert from "node:assert/strict";
import {
  AgenkitError,
  collect,
  createContextKey,
  createContextValues,
  message,
  text,
  TimeoutError,
} from "../../../../mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import {
  ChannelServer,
  type ChannelServerOptions,
} from "../../../../src/transport/channel/server.ts";
import {
  ChannelAgent,
  type ChannelAgentOptions,
} from "../../../../src/transport/channel/client.ts";
import { decodeControl, headOf, MUX_WINDOW } from "../../../../src/transport/websocket/mux.ts";
import { MuxConnection } from "../../../../src/transport/websocket/mux_connection.ts";
import { MuxSession } from "../../../../src/transport/websocket/mux_session.ts";
import { rejection } from "../../rejection.ts";
import { channelPair, type PairOptions, type TestChannel } from "../channel/pair.ts";

const ask = (content: string) => message("user", content);

interface Setup {
  readonly server?: ChannelServerOptions;
  readonly client?: ChannelAgentOptions;
  readonly maxCalls?: number;
}

/** A client and a server that share one connection, with an agent that a test leads. */
function muxed(agentParts: Partial<Parameters<typeof makeAgent>[0]> = {}, setup: Setup = {}) {
  const clock = new TestClock();
  const server = new ChannelServer(makeAgent(agentParts), { clock, ...setup.server });
  const [ours, theirs] = channelPair();
  void server.serve(
    theirs,
    undefined,
    (channel, server, values) => new MuxConnection(channel, server, values, setup.maxCalls ?? 100),
  );
  const limits = { idleMs: 60_000, keepAliveMs: 30_000, keepAliveTimeoutMs: 10_000 };
  const session = new MuxSession(ours, limits, clock, () => {});
  const agent = new ChannelAgent({
    action: "call a pair",
    fallbackName: "pair",
    url: "pair://x",
    source: () => ({
      size: 1,
      acquire: () => Promise.resolve(session.open()),
      release: (channel) => channel.close(),
      close: () => session.close(),
    }),
  }, { clock, ...setup.client });
  return { agent, server, session, clock, ours, theirs };
}

/** A server with a connection whose other end a test writes by hand. */
function served(agentParts: Parameters<typeof makeAgent>[0] = {}, pair: PairOptions = {}) {
  const clock = new TestClock();
  const server = new ChannelServer(makeAgent(agentParts), { clock });
  const [ours, theirs] = channelPair(pair);
  void server.serve(
    theirs,
    undefined,
    (channel, s, values) => new MuxConnection(channel, s, values, 100),
  );
  return { ours, theirs, server, clock };
}

function request(id: string, more: Record<string, unknown> = {}): string {
  const payload = { method: "process", message: { role: "user", content: "x", metadata: {} } };
  return JSON.stringify({ version: "1.0", type: "request", id, ...more, payload });
}

function makeAgent(parts: {
  process?: (content: string, signal: AbortSignal) => Promise<string>;
  stream?: (content: string, signal: AbortSignal) => AsyncIterable<string>;
}) {
  return {
    name: "led",
    async process(request: ReturnType<typeof ask>, call?: { signal?: AbortSignal | undefined }) {
      const answer = await parts.process?.(text(request), call!.signal!);
      return message("agent", answer ?? `Echo: ${text(request)}`);
    },
    async *stream(request: ReturnType<typeof ask>, call?: { signal?: AbortSignal | undefined }) {
      const chunks = parts.stream?.(text(request), call!.signal!) ?? text(request).split(" ");
      for await (const chunk of chunks) yield message("agent", chunk);
    },
  };
}

/** Never settles but by its signal. */
function hang(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

test("mux: many calls and streams at once, answered in any order", async () => {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const { agent, server } = muxed({
    process: async (content) => {
      const gate = Promise.withResolvers<void>();
      gates.set(content, gate);
      await gate.promise;
      return content;
    },
  });
  const calls = ["a", "b", "c"].map((content) => agent.process(ask(content)));
  while (gates.size < 3) await null;
  assert.equal(server.inFlight, 3);
  const streamed = await collect(agent.stream(ask("x y z")));
  assert.deepEqual(streamed.map(text), ["x", "y", "z"]);
  for (const name of ["c", "a", "b"]) gates.get(name)!.resolve();
  assert.deepEqual((await Promise.all(calls)).map(text), ["a", "b", "c"]);
  assert.equal(server.inFlight, 0);
});

test("mux: a caller that leaves cancels its agent, and no other", async () => {
  const left: string[] = [];
  const { agent, server, session } = muxed({
    process: (content, signal) =>
      hang(signal).catch((reason) => {
        left.push(`${content}: ${reason.message}`);
        throw reason;
      }),
  });
  const controller = new AbortController();
  const reason = new Error("went home");
  const leaving = rejection(agent.process(ask("leaving"), { signal: controller.signal }));
  const staying = rejection(agent.process(ask("staying")));
  while (server.inFlight < 2) await null;
  controller.abort(reason);
  assert.equal(await leaving, reason);
  while (server.inFlight > 1) await null;
  assert.deepEqual(left, ["leaving: The caller has left"]);
  session.close();
  assert.equal((await staying).code, "unavailable");
  while (server.inFlight > 0) await null;
  assert.deepEqual(left[1], "staying: The client has left");
});

test("mux: breaking out of a stream closes it at the agent, and the session lives on", async () => {
  let closed = false;
  const { agent, session, server } = muxed({
    async *stream() {
      try {
        for (let i = 0;; i++) yield `${i}`;
      } finally {
        closed = true;
      }
    },
  });
  for await (const chunk of agent.stream(ask("x"))) if (text(chunk) === "3") break;
  while (server.inFlight > 0) await null;
  assert.equal(closed, true);
  assert.equal(session.usable, true);
  assert.equal(session.size, 0);
  assert.equal(text(await agent.process(ask("next"))), "Echo: next");
});

test("mux: a slow reader slows its own stream down, and no other call", async () => {
  const chunk = "x".repeat(10_000);
  let made = 0;
  const { agent } = muxed({
    async *stream() {
      for (let i = 0; i < 200; i++) {
        made++;
        yield chunk;
      }
    },
  });
  const stream = agent.stream(ask("x"));
  await stream.next();
  for (let i = 0; i < 10_000; i++) await null;
  const window = Math.ceil(MUX_WINDOW / chunk.length);
  assert.ok(made <= window + 3, `${made} chunks were made for one that was read`);
  assert.equal(text(await agent.process(ask("meanwhile"))), "Echo: meanwhile");
  let read = 1;
  for await (const _ of stream) read++;
  assert.equal(read, 200);
});

test("mux: one chunk larger than the window goes through", async () => {
  const large = "x".repeat(3 * MUX_WINDOW);
  const { agent } = muxed({
    async *stream() {
      for (let i = 0; i < 3; i++) yield large;
    },
  });
  const chunks = await collect(agent.stream(ask("x")));
  assert.deepEqual(chunks.map((m) => text(m).length), Array(3).fill(large.length));
});

test("mux: a stream that nobody reads ends at its deadline", async () => {
  let closed = false;
  const { agent, server, clock } = muxed({
    async *stream() {
      try {
        for (;;) yield "x".repeat(10_000);
      } finally {
        closed = true;
      }
    },
  }, { server: { maxTimeoutMs: 5_000 } });
  const stream = agent.stream(ask("x"));
  await stream.next();
  await clock.advance(5_000);
  assert.equal(server.inFlight, 0);
  assert.equal(closed, true);
  await assert.rejects(async () => {
    for (;;) await stream.next();
  }, { code: "deadline_exceeded" });
});

test("mux: a call that timed out stops its agent, and leaves the others alone", async () => {
  let stopped = 0;
  const { agent, clock, server, session } = muxed({
    process: (content, signal) =>
      content === "slow" ? hang(signal).finally(() => stopped++) : Promise.resolve(content),
  }, { client: { timeoutMs: 1_000 } });
  const slow = rejection(agent.process(ask("slow")));
  while (server.inFlight < 1) await null;
  await clock.advance(1_000);
  assert.ok(await slow instanceof TimeoutError);
  assert.equal(stopped, 1);
  assert.equal(session.usable, true);
  assert.equal(text(await agent.process(ask("quick"))), "quick");
});

test("mux: the time left travels with the request, and the server keeps to it", async () => {
  const { ours, clock } = served({ process: (_, signal) => hang(signal) });
  await ours.send(request("1", { timeout_ms: 500 }));
  await clock.advance(499);
  assert.deepEqual(await sentBy(ours), ['["pong"]']);
  await clock.advance(1);
  const answer = JSON.parse((await ours.receive())!);
  assert.deepEqual([answer.id, answer.payload.error_code], ["1", "AGENT_TIMEOUT"]);
});

test("mux: errors keep their code, and errors of requests their call", async () => {
  const { agent, ours } = muxed({
    process: () => Promise.reject(new AgenkitError("not_found", "no such patient")),
  });
  const error = await rejection(agent.process(ask("x")));
  assert.deepEqual([error.code, error.message], ["not_found", "no such patient"]);
  await ours.send("garbage");
  await ours.send(JSON.stringify({ version: "1.0", type: "request", id: "x1", payload: {} }));
  assert.equal((await rejection(agent.process(ask("x")))).code, "not_found");
});

test("mux: too many calls on one connection are refused, and may come again", async () => {
  const { agent, server } = muxed({ process: (_, signal) => hang(signal) }, { maxCalls: 2 });
  const calls = [1, 2, 3].map(() => rejection(agent.process(ask("x"))));
  const error = await Promise.race(calls);
  assert.deepEqual([error.code, error.retryable], ["resource_exhausted", true]);
  assert.equal(server.inFlight, 2);
  await server.close();
  await Promise.all(calls);
});

test("mux: drain() refuses new calls, lets the others end, and closes with 1001", async () => {
  const gate = Promise.withResolvers<void>();
  const { agent, server, theirs } = muxed({
    process: () => gate.promise.then(() => "done"),
  });
  const call = agent.process(ask("x"));
  while (server.inFlight < 1) await null;
  const draining = server.drain();
  const refused = await rejection(agent.process(ask("y")));
  assert.deepEqual([refused.code, refused.details?.begun], ["unavailable", false]);
  gate.resolve();
  assert.equal(text(await call), "done");
  await draining;
  assert.equal(theirs.closedWith?.[0], 1001);
});

test("mux: a server closes a connection that is idle too long; pings count", async () => {
  const idle = muxed({}, { server: { idleTimeoutMs: 10_000 } });
  await idle.agent.process(ask("x"));
  await idle.clock.advance(30_000);
  assert.equal(idle.theirs.closedWith?.[0], 1001);

  const pinged = muxed({}, { server: { idleTimeoutMs: 40_000 } });
  await pinged.clock.advance(55_000);
  assert.equal(pinged.theirs.closedWith, undefined);
});

test("mux: a server takes a client for gone that says nothing while its call runs", async () => {
  let left = 0;
  const silent = served({ process: (_, signal) => hang(signal).finally(() => left++) });
  await silent.ours.send(request("1"));
  for (let i = 0; i < 20; i++) await null;
  assert.equal(silent.server.inFlight, 1);
  await silent.clock.advance(120_000);
  assert.equal(silent.server.inFlight, 0);
  assert.equal(left, 1);

  const pinging = muxed({ process: (_, signal) => hang(signal) }, {
    client: { timeoutMs: Infinity },
  });
  const call = rejection(pinging.agent.process(ask("x")));
  await pinging.clock.advance(500_000);
  assert.equal(pinging.server.inFlight, 1);
  pinging.session.close();
  await call;
});

test("mux: a client closes an idle connection after idleMs, and leaves no timer", async () => {
  const { agent, session, clock, server } = muxed();
  await agent.process(ask("x"));
  await clock.advance(70_000);
  assert.equal(session.usable, false);
  await clock.advance(1);
  assert.equal(server.connections, 0);
  assert.equal(clock.pending, 0);
});

/** A session whose server a test plays itself. */
function unserved() {
  const clock = new TestClock();
  const [ours, theirs] = channelPair();
  const limits = { idleMs: Infinity, keepAliveMs: 30_000, keepAliveTimeoutMs: 10_000 };
  const session = new MuxSession(ours, limits, clock, () => {});
  return { session, clock, theirs };
}

async function sentBy(theirs: TestChannel): Promise<string[]> {
  const all: string[] = [];
  while (theirs.waiting > 0) all.push((await theirs.receive())!);
  return all;
}

test("mux: what a server cannot answer yet gets a sign of life, for TCP's sake", async () => {
  const gate = Promise.withResolvers<string>();
  const { ours, clock } = served({ process: () => gate.promise });
  await ours.send(request("1"));
  assert.deepEqual(await sentBy(ours), []);
  await clock.advance(1);
  assert.deepEqual(await sentBy(ours), ['["pong"]']);
  // One that is answered has its sign.
  gate.resolve("y");
  await ours.send(request("2"));
  assert.equal(headOf((await ours.receive())!)?.id, "1");
  assert.equal(headOf((await ours.receive())!)?.id, "2");
  await clock.advance(1_000);
  assert.deepEqual(await sentBy(ours), []);
  // Who has left says something next.
  await ours.send('["cancel","3"]');
  assert.equal(await ours.receive(), '["pong"]');
  await clock.advance(1_000);
  assert.deepEqual(await sentBy(ours), []);
});

test("mux: a client asks an idle server for a sign of life, and gives it up without one", async () => {
  const { session, clock, theirs } = unserved();
  await clock.advance(30_000);
  assert.deepEqual(await sentBy(theirs), ['["ping"]']);
  await theirs.send('["pong"]');
  await clock.advance(10_000);
  assert.equal(session.usable, true);
  await clock.advance(30_000);
  assert.deepEqual(await sentBy(theirs), ['["ping"]']);
  await clock.advance(10_000);
  assert.equal(session.usable, false);
  await theirs.closed;
  assert.equal(clock.pending, 0);
});

test("mux: a silent server is not given up while a call runs, but asked after one was left", async () => {
  const { session, clock, theirs } = unserved();
  const first = session.open();
  await first.send("{}");
  await clock.advance(300_000);
  assert.deepEqual(await sentBy(theirs), ["{}", ...Array(10).fill('["ping"]')]);
  assert.equal(session.usable, true);

  const second = session.open();
  await second.send("{}");
  second.close();
  assert.deepEqual(await sentBy(theirs), ["{}", '["cancel","2"]', '["ping"]']);
  await clock.advance(10_000);
  // It takes no new calls, but the one that runs is not cut short.
  assert.equal(session.usable, false);
  const answer = '{"version":"1.0","type":"response","id":"1","payload":{}}';
  await theirs.send(answer);
  assert.equal(await first.receive(), answer);
  first.close();
  await theirs.closed;
});

test("mux: a server that sends beyond its credit is cut off", async () => {
  const { session, theirs } = unserved();
  const call = session.open();
  await call.send("{}");
  const chunk = `{"version":"1.0","type":"stream_chunk","id":"1","payload":"${
    "x".repeat(100_000)
  }"}`;
  for (let i = 0; i < 4; i++) await theirs.send(chunk);
  await theirs.closed;
  const error = await rejection((async () => {
    for (;;) if (await call.receive() === undefined) throw new Error("ended cleanly");
  })());
  assert.equal(error.code, "resource_exhausted");
});

test("mux: answers to calls that nobody knows are dropped", async () => {
  const { session, theirs } = unserved();
  await theirs.send('{"version":"1.0","type":"response","id":"99","payload":{}}');
  await theirs.send("garbage");
  for (let i = 0; i < 20; i++) await null;
  assert.equal(session.usable, true);
  session.close();
});

test("mux: control frames that are none close the connection, after an error that says so", async () => {
  for (const frame of ['["cancel"]', '["credit","1",-1]', '["credit","1","x"]', "[", "[1]"]) {
    const { server, ours } = served();
    await ours.send(frame);
    const answer = JSON.parse((await ours.receive())!);
    assert.deepEqual([answer.type, answer.id], ["error", "unknown"]);
    assert.match(answer.payload.error_message, /control frame/);
    await ours.closed;
    while (server.connections > 0) await null;
  }
});

test("mux: who reads no answers to what is wrong, or to pings, is not read any further", async () => {
  for (const frame of ['["ping"]', "{}", request("1", { type: "response" })]) {
    const { ours, theirs, server, clock } = served({}, { capacity: 3 });
    for (let i = 0; i < 1000; i++) void ours.send(frame).catch(() => {});
    for (let i = 0; i < 5000; i++) await null;
    assert.ok(ours.waiting <= 4, `${ours.waiting} answers to ${frame}`);
    assert.ok(theirs.waiting > 900);
    // Nor is it waited for without end.
    await clock.advance(30_000);
    assert.equal(server.connections, 0);
  }
});

test("mux: a second call of the same id is refused, and the first one goes on", async () => {
  const gate = Promise.withResolvers<void>();
  const { ours, server } = served({ process: () => gate.promise.then(() => "first") });
  await ours.send(request("same"));
  await ours.send(request("same"));
  const refused = JSON.parse((await ours.receive())!);
  assert.deepEqual([refused.type, refused.id], ["error", "unknown"]);
  assert.equal(server.inFlight, 1);
  gate.resolve();
  const answer = JSON.parse((await ours.receive())!);
  assert.deepEqual([answer.type, answer.id], ["response", "same"]);
});

test("mux: agents find the connection's values", async () => {
  const user = createContextKey("nobody", "user");
  const values = createContextValues().with(user, "zoë");
  const server = new ChannelServer({
    name: "who",
    process: (_request, call) => Promise.resolve(message("agent", call!.values!.get(user))),
  }, { clock: new TestClock() });
  const [ours, theirs] = channelPair();
  void server.serve(theirs, values, (channel, s, v) => new MuxConnection(channel, s, v, 1));
  await ours.send(request("1"));
  assert.equal(JSON.parse((await ours.receive())!).payload.message.content, "zoë");
  ours.close();
});

test("decodeControl() reads control frames, and headOf() the head of any envelope", () => {
  assert.equal(decodeControl("{}"), undefined);
  assert.deepEqual(decodeControl('["credit","7",12]'), ["credit", "7", 12]);
  assert.deepEqual(headOf('{"version":"1.0","type":"response","id":"7","x":1}'), {
    type: "response",
    id: "7",
  });
  assert.deepEqual(headOf('{ "id": "a\\"b", "type": "error" }'), { type: "error", id: 'a"b' });
  for (const text of ["", "{", "null", "1", '{"type":1,"id":"x"}', '{"type":"x"}']) {
    assert.equal(headOf(text), undefined, text);
  }
});
