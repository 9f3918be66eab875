import assert from "node:assert/strict";
import { test } from "node:test";
import { agent, collect, message, neverBegan, text } from "../../../../mod.ts";
import { remoteAgent } from "../../../../src/remote/mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import {
  serveSocket,
  socketAgent,
  type SocketAgentOptions,
} from "../../../../src/transport/socket/mod.ts";
import type { ChannelAgent } from "../../../../src/transport/channel/client.ts";
import { wiretap } from "../../../support/wiretap.ts";
import { rejection } from "../../rejection.ts";
import { checkCommonOptions } from "../common_options.ts";
import { frame, type Raw, rawServer, until } from "./raw.ts";

const ANY = "tcp://127.0.0.1:0";
const ask = message("user", "hi");
const echo = agent({
  name: "echo",
  process: (m) => ({ content: `Echo: ${text(m)}`, metadata: m.metadata }),
  async *stream(m) {
    for (let i = 0; i < Number(text(m)); i++) yield `${i}`;
  },
});

/** An answer as a peer writes it. */
function answer(id: string, content: string, type = "response"): string {
  const payload = { message: { role: "agent", content, metadata: {} } };
  return JSON.stringify({ version: "1.0", type, id, payload });
}

/** A peer that answers each request with bytes of a test's choice. */
function peer(reply: (id: string, index: number, connection: Raw) => Uint8Array | undefined) {
  let index = 0;
  return rawServer(async (connection) => {
    for (let asked = await connection.next(); asked; asked = await connection.next()) {
      const bytes = reply(asked.id, index++, connection);
      if (bytes !== undefined) connection.write(bytes);
    }
  });
}

test("socketAgent() calls and streams over TCP, IPv6 too, and uses its connection again", async () => {
  for (const url of [ANY, "tcp://[::1]:0", "tcp://localhost:0"]) {
    await using server = await serveSocket(echo, url);
    await using remote = socketAgent(server.url, { name: "echo", capabilities: ["echo"] });
    const metadata = { nested: { list: [1, null, "\u0085\u2028\u2029"] } };
    const reply = await remote.process(message("user", "世界 🌍 \u2028", metadata));
    assert.equal(text(reply), "Echo: 世界 🌍 \u2028");
    assert.deepEqual(reply.metadata, metadata);
    assert.equal((await collect(remote.stream(message("user", "150")))).length, 150);
    const large = "é".repeat(1_000_000);
    assert.equal(text(await remote.process(message("user", large))), `Echo: ${large}`);
    assert.equal(server.connections, 1);
    assert.deepEqual(remote.capabilities, ["echo"]);
  }
});

test("socketAgent() is called by its address where it has no name", async () => {
  await using remote = socketAgent("tcps://[::1]:5000");
  assert.equal(remote.name, "[::1]:5000");
  await using unix = socketAgent("unix:///run/echo.sock");
  assert.equal(unix.name, "/run/echo.sock");
});

test("socketAgent() runs 50 calls at once, each with its own answer", async () => {
  await using server = await serveSocket(echo, ANY);
  await using remote = socketAgent(server.url);
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, i) => remote.process(message("user", `#${i}`))),
  );
  assert.deepEqual(replies.map(text), Array.from({ length: 50 }, (_, i) => `Echo: #${i}`));
  assert.ok(server.connections <= 16, `${server.connections} connections`);
});

test("socketAgent() connects again after the server was restarted", async () => {
  const first = await serveSocket(echo, ANY);
  await using remote = socketAgent(first.url);
  await remote.process(ask);
  await first.close();
  // A call at the very moment might still be sent, and would be lost.
  await until(() => (remote as ChannelAgent).connections === 0, "the client knows");
  await using _second = await serveSocket(echo, first.url);
  assert.equal(text(await remote.process(ask)), "Echo: hi");
});

test("socketAgent() fails what was in flight when the connection breaks, and goes on", async () => {
  let asked = 0;
  await using server = await peer((id, index, { socket }) => {
    asked++;
    return index === 0 ? void socket.destroy() : frame(answer(id, "second"));
  });
  await using remote = socketAgent(server.url);
  const error = await rejection(remote.process(ask));
  assert.equal(error.code, "unavailable");
  assert.equal(error.retryable, true);
  assert.equal(neverBegan(error), false);
  assert.equal(text(await remote.process(ask)), "second");
  assert.equal(asked, 2, "nothing was sent twice");
});

test("socketAgent() never gives a late answer to the next call", async () => {
  const clock = new TestClock();
  let late = () => {};
  await using server = await peer((id, index, connection) => {
    if (index > 0) return frame(answer(id, "right"));
    late = () => connection.write(frame(answer(id, "late")));
    return undefined;
  });
  await using remote = socketAgent(server.url, { clock, timeoutMs: 1000 });
  const first = rejection(remote.process(ask));
  await until(() => server.connections.length === 1, "it is connected");
  await until(() => clock.pending === 1, "it waits for the answer");
  await clock.advance(1000);
  assert.equal((await first).code, "deadline_exceeded");
  late();
  await server.connections[0]!.closed;
  assert.equal(text(await remote.process(ask)), "right");
  assert.equal(server.connections.length, 2);
});

test("socketAgent() rejects at once with the signal's reason, and the server's agent is told", async () => {
  let signal: AbortSignal | undefined;
  const slow = agent("slow", (_, call) => {
    signal = call.signal;
    return new Promise<never>(() => {});
  });
  await using server = await serveSocket(slow, ANY);
  await using remote = socketAgent(server.url);
  const controller = new AbortController();
  const call = rejection(remote.process(ask, { signal: controller.signal }));
  await until(() => signal !== undefined, "the agent runs");
  controller.abort("enough");
  assert.equal(await call, "enough");
  await until(() => signal!.aborted, "the agent is told");
});

test("socketAgent() stops the agent of a stream that is left", async () => {
  let closed = 0;
  let made = 0;
  const endless = agent("endless", async function* () {
    try {
      for (;; made++) yield `${made}`;
    } finally {
      closed++;
    }
  });
  await using server = await serveSocket(endless, ANY);
  await using remote = socketAgent(server.url);
  for await (const chunk of remote.stream(ask)) if (text(chunk) === "3") break;
  // The system would take ten times as many before anybody else gets a turn.
  assert.ok(made < 5000, `${made} chunks for a reader of three`);
  await until(() => closed === 1, "the stream is closed");
  await until(() => server.inFlight === 0, "nothing runs");
});

test("socketAgent() slows a server down whose stream it does not read", async () => {
  let made = 0;
  const flood = agent("flood", async function* () {
    for (; made < 10_000; made++) yield "x".repeat(100_000);
  });
  await using server = await serveSocket(flood, ANY);
  await using remote = socketAgent(server.url);
  const stream = remote.stream(ask)[Symbol.asyncIterator]();
  await stream.next();
  let before = -1;
  while (made !== before) {
    before = made;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(made < 500, `${made} chunks were made`);
  await stream.return?.(undefined);
});

test("socketAgent() refuses what cannot be an answer with typed errors, and connects anew", async () => {
  const prefix = (length: number) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, length);
    return bytes;
  };
  const cases: [(id: string) => Uint8Array, string, RegExp][] = [
    [() => prefix(2 ** 32 - 1), "resource_exhausted", /at most 10485760 bytes, got 4294967295/],
    [
      () => new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
      "resource_exhausted",
      /frame/,
    ],
    [() => new Uint8Array([0, 0, 0, 1, 0xff]), "internal", /cannot be used: .* expected UTF-8/],
    [() => frame("garbage"), "internal", /expected JSON, got "garbage"/],
    [() => frame("[]"), "internal", /expected an object/],
    [() => frame(answer("another", "x")), "internal", /expected id .*, got "another"/],
    [(id) => frame(answer(id, "x", "stream_chunk")), "internal", /expected type "response"/],
  ];
  let bytes: ((id: string) => Uint8Array) | undefined;
  await using server = await peer((id) => bytes?.(id) ?? frame(answer(id, "fine")));
  await using remote = socketAgent(server.url);
  for (const [wrong, code, expected] of cases) {
    bytes = wrong;
    const error = await rejection(remote.process(ask));
    assert.equal(error.code, code, `${error}`);
    assert.match(error.message, expected);
    bytes = undefined;
    assert.equal(text(await remote.process(ask)), "fine");
  }
});

test("socketAgent() takes an answer under 'unknown', and a server that leaves in the middle of a frame for lost", async () => {
  await using server = await peer((id, index, { socket }) => {
    if (index === 0) return frame(answer("unknown", "for you"));
    socket.end(frame(answer(id, "x")).subarray(0, 30));
    return undefined;
  });
  await using remote = socketAgent(server.url);
  assert.equal(text(await remote.process(ask)), "for you");
  const error = await rejection(remote.process(ask));
  assert.equal(error.code, "unavailable");
  assert.match(error.message, /in the middle of a frame/);
});

test("socketAgent() ends a call in time when its server vanishes without a word", async () => {
  await using server = await serveSocket(echo, ANY);
  await using relay = await wiretap(Number(new URL(server.url).port));
  const clock = new TestClock();
  await using remote = socketAgent(`tcp://127.0.0.1:${relay.port}`, { clock });
  await remote.process(ask);
  relay.silence();
  const call = rejection(remote.process(ask, { deadline: clock.now() + 700 }));
  // Its limit, and that of idle connections.
  await until(() => clock.pending === 2, "it waits for the answer");
  await clock.advance(700);
  assert.equal((await call).code, "deadline_exceeded");
  relay.unsilence();
  assert.equal(text(await remote.process(ask)), "Echo: hi");
});

test("socketAgent() ends a call in time when its server drips, or does not take what it is sent", async () => {
  const clock = new TestClock();
  let asked = false;
  await using dripping = await peer(() => {
    asked = true;
    return new Uint8Array([0, 0, 0]);
  });
  await using remote = socketAgent(dripping.url, { clock, frameTimeoutMs: 300 });
  const call = rejection(remote.process(ask));
  // Its limit, and the frame's.
  await until(() => asked && clock.pending === 2, "a frame has begun");
  await clock.advance(300);
  const error = await call;
  assert.equal(error.code, "unavailable");
  assert.match(error.message, /did not end within 300 ms/);
  await using deaf = await rawServer(({ socket }) => socket.pause());
  await using other = socketAgent(deaf.url, { clock, timeoutMs: 400 });
  const large = rejection(other.process(message("user", "x".repeat(10_000_000))));
  await until(() => deaf.connections.length === 1 && clock.pending === 1, "it sends");
  await clock.advance(400);
  assert.equal((await large).code, "deadline_exceeded");
  assert.equal(clock.pending, 0);
});

test("socketAgent() says what keeps it from connecting, and that nothing was begun", async () => {
  const server = await serveSocket(echo, ANY);
  await server.close();
  const options = { reconnect: { maxAttempts: 2, initialMs: 1 } };
  for (const url of [server.url, "unix:///nonexistent/agenkit.sock"]) {
    await using remote = socketAgent(url, options);
    const error = await rejection(remote.process(ask));
    assert.equal(error.code, "unavailable");
    assert.equal(error.retryable, true);
    assert.equal(neverBegan(error), true);
    assert.ok(error.message.startsWith(`Cannot connect to ${url}: `), error.message);
  }
});

test("socketAgent() gives one attempt to connect no more than connectTimeoutMs", async () => {
  const clock = new TestClock();
  // It takes the connection and says nothing of what a handshake needs.
  await using mute = await rawServer(() => {});
  await using remote = socketAgent(mute.url.replace("tcp:", "tcps:"), {
    clock,
    connectTimeoutMs: 500,
    reconnect: { maxAttempts: 1 },
  });
  const call = rejection(remote.process(ask));
  await until(() => mute.connections.length === 1, "it is connected");
  await clock.advance(500);
  const error = await call;
  assert.match(error.message, /it took more than 500 ms/);
  assert.equal(neverBegan(error), true);
  await mute.connections[0]!.closed;
  const controller = new AbortController();
  const left = rejection(remote.process(ask, { signal: controller.signal }));
  await until(() => mute.connections.length === 2, "it is connected");
  controller.abort("enough");
  assert.equal(await left, "enough");
  await mute.connections[1]!.closed;
  assert.equal(clock.pending, 0);
});

test("socketAgent() closes idle connections before servers do", async () => {
  const clock = new TestClock();
  await using server = await serveSocket(echo, ANY);
  await using remote = socketAgent(server.url, { clock });
  await remote.process(ask);
  await clock.advance(44_999);
  assert.equal(server.connections, 1);
  await clock.advance(1);
  await until(() => server.connections === 0, "it is closed");
  assert.equal(clock.pending, 0);
});

test("socketAgent() checks the options that all clients have in common", () => {
  checkCommonOptions(
    "call over a socket",
    (options) => socketAgent("tcp://host:1", options),
    "host:1",
  );
  checkCommonOptions("call over a socket", (options) => socketAgent("unix:///s", options), "/s");
  checkCommonOptions("call a remote agent", (options) => remoteAgent("tcp://h:1", options), "h:1");
});

test("socketAgent() refuses a request that is too large before it is sent, and bad options", async () => {
  await using server = await serveSocket(echo, ANY);
  await using relay = await wiretap(Number(new URL(server.url).port));
  const accepted = () => relay.taps.length;
  await using remote = socketAgent(`tcp://127.0.0.1:${relay.port}`, { maxBytes: 1000 });
  const error = await rejection(remote.process(message("user", "x".repeat(1000))));
  assert.equal(error.code, "resource_exhausted");
  assert.equal(text(await remote.process(ask)), "Echo: hi");
  const none = await rejection(remote.process({ content: "x" } as unknown as typeof ask));
  assert.equal(none.code, "invalid_argument");
  assert.equal(neverBegan(none), true);
  assert.equal(text(await remote.process(ask)), "Echo: hi");
  assert.equal(accepted(), 1, "what was not sent costs no connection");
  const made = (options: unknown, url = server.url) => () =>
    socketAgent(url, options as SocketAgentOptions);
  assert.throws(made({}, "tcp://host"), TypeError);
  assert.throws(made({ connectTimeoutMs: 0 }), {
    name: "RangeError",
    message: /'connectTimeoutMs'/,
  });
  assert.throws(made({ frameTimeoutMs: NaN }), { name: "RangeError", message: /'frameTimeoutMs'/ });
  assert.throws(made({ tls: {} }), { name: "TypeError", message: /does not speak TLS/ });
  assert.throws(made({ tls: { ca: "x" } }, "tcps://host:1"), { name: "TypeError", message: /PEM/ });
});
