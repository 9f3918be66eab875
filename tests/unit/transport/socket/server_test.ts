import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "node:net";
import process from "node:process";
import { type Agent, agent, message, text } from "../../../../mod.ts";
import { encodeRequest } from "../../../../src/protocol/encode.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import {
  serveSocket,
  socketAgent,
  type SocketServerOptions,
} from "../../../../src/transport/socket/mod.ts";
import { certificates } from "../../../support/certificates.ts";
import { frame, type Raw, rawClient, until } from "./raw.ts";

const ANY = "tcp://127.0.0.1:0";
const echo = agent("echo", (m) => `Echo: ${text(m)}`);
const ask = message("user", "hi");

function request(id: string, content = "hi"): string {
  return encodeRequest({ id, method: "process", message: message("user", content) });
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

/** A server, and how it answers one who behaves while others do not. */
async function served(agents: Agent, options: SocketServerOptions = {}, url = ANY) {
  const server = await serveSocket(agents, url, options);
  const good = socketAgent(server.url);
  return {
    server,
    stillServes: async () => assert.equal(text(await good.process(ask)), "Echo: hi"),
    [Symbol.asyncDispose]: async () => {
      await good.close();
      await server.close();
    },
  };
}

test("serveSocket() answers frames however they are cut, in their order", async () => {
  await using it = await served(echo);
  const client = await rawClient(it.server.url);
  client.write(
    new Uint8Array([
      ...frame(request("1", "one")),
      ...frame(request("2", "two")),
    ]),
  );
  const third = frame(request("3", "three"));
  for (let i = 0; i < third.length; i += 7) {
    client.write(third.subarray(i, i + 7));
    await new Promise((resolve) => setTimeout(resolve));
  }
  for (const [id, word] of [["1", "one"], ["2", "two"], ["3", "three"]]) {
    const answer = await client.next();
    assert.equal(answer.id, id);
    assert.equal(answer.payload.message.content, `Echo: ${word}`);
  }
  client.socket.destroy();
});

test("serveSocket() refuses a length of 4 GiB, and what is no frame, by their first bytes", async () => {
  await using it = await served(echo);
  for (const bytes of ["\xff\xff\xff\xff", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "{}\n{}\n"]) {
    const client = await rawClient(it.server.url);
    client.write(new Uint8Array([...bytes].map((char) => char.charCodeAt(0))));
    const answer = await client.next();
    assert.equal(answer.id, "unknown");
    assert.equal(answer.type, "error");
    assert.equal(answer.payload.error_code, "RESOURCE_EXHAUSTED");
    assert.match(answer.payload.error_message, /frame is too large: expected at most 10485760/);
    assert.equal(await client.next(), undefined);
    await client.closed;
  }
  await it.stillServes();
});

test("serveSocket() delivers the reason also to a client that is still sending", async () => {
  // Time stands still: nothing is cut.
  await using it = await served(echo, { maxBytes: 1000, clock: new TestClock() });
  const client = await rawClient(it.server.url);
  client.socket.pause();
  client.write(frame("x".repeat(20_000_000)));
  await until(() => client.socket.writableLength === 0, "all of it was taken, and dropped");
  client.socket.resume();
  assert.equal((await client.next()).payload.error_code, "RESOURCE_EXHAUSTED");
  await client.closed;
});

test("serveSocket() refuses bytes that are not UTF-8 and closes; text that is no envelope it only refuses", async () => {
  await using it = await served(echo);
  const client = await rawClient(it.server.url);
  client.send("garbage");
  assert.equal((await client.next()).payload.error_code, "INVALID_MESSAGE");
  client.send(request("1"));
  assert.equal((await client.next()).id, "1");
  client.write(new Uint8Array([0, 0, 0, 2, 0xc3, 0x28]));
  const answer = await client.next();
  assert.equal(answer.payload.error_code, "INVALID_MESSAGE");
  assert.match(answer.payload.error_message, /expected UTF-8/);
  assert.equal(await client.next(), undefined);
});

test("serveSocket() runs nothing for a frame that ends early", async () => {
  const { inner, calls } = controlled();
  await using server = await serveSocket(inner, ANY);
  const client = await rawClient(server.url);
  const whole = frame(request("1"));
  client.write(whole.subarray(0, whole.length - 1));
  client.socket.end();
  assert.equal(await client.next(), undefined);
  await until(() => server.connections === 0, "the connection is gone");
  assert.equal(calls.length, 0);
});

test("serveSocket() drops a frame that drips in too slowly, and the others go on", async () => {
  const clock = new TestClock();
  await using it = await served(echo, { clock, frameTimeoutMs: 5000, idleTimeoutMs: Infinity });
  const client = await rawClient(it.server.url);
  const other = await rawClient(it.server.url);
  client.write(new Uint8Array([0]));
  await until(() => clock.pending === 1, "the frame is timed");
  await clock.advance(4000);
  client.write(new Uint8Array([0, 0]));
  await it.stillServes();
  await clock.advance(1000);
  await client.closed;
  assert.equal(await client.next(), undefined);
  other.send(request("1"));
  assert.equal((await other.next()).id, "1");
  // A frame that ends in time is timed no more.
  other.write(frame(request("2")).subarray(0, 9));
  await until(() => clock.pending === 1, "the frame is timed");
  other.write(frame(request("2")).subarray(9));
  assert.equal((await other.next()).id, "2");
  assert.equal(clock.pending, 0);
  other.socket.destroy();
});

test("serveSocket() closes a connection without a call after 60 s", async () => {
  const clock = new TestClock();
  await using server = await serveSocket(echo, ANY, { clock });
  const silent = await rawClient(server.url);
  await until(() => server.connections === 1, "it is accepted");
  await clock.advance(59_999);
  assert.equal(server.connections, 1);
  await clock.advance(1);
  assert.equal(await silent.next(), undefined);
  await silent.closed;
});

test("serveSocket() does not take a connection for idle on which a request has begun to come", async () => {
  const clock = new TestClock();
  await using server = await serveSocket(echo, ANY, { clock });
  const client = await rawClient(server.url);
  await until(() => clock.pending === 1, "it is accepted");
  await clock.advance(55_000);
  const whole = frame(request("1"));
  client.write(whole.subarray(0, 20));
  await until(() => clock.pending === 2, "the frame is timed");
  await clock.advance(10_000);
  client.write(whole.subarray(20));
  assert.equal((await client.next()).id, "1");
  client.socket.destroy();
});

test("serveSocket() cuts a peer that was told to go and does not, after a second", async () => {
  const clock = new TestClock();
  await using server = await serveSocket(echo, ANY, { clock });
  // It keeps its half open, and so its connection.
  const socket = connect({ port: Number(new URL(server.url).port), allowHalfOpen: true });
  socket.on("error", () => {});
  socket.resume();
  await until(() => server.connections === 1, "it is accepted");
  await clock.advance(60_000);
  await until(() => clock.pending === 1, "it is given a second");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(server.connections, 1);
  await clock.advance(1000);
  await until(() => server.connections === 0, "it is cut");
  socket.destroy();
});

test("serveSocket() stops an agent whose client does not read, and drops that client", async () => {
  const clock = new TestClock();
  let made = 0;
  let closed = 0;
  const flood = agent("flood", async function* () {
    try {
      for (; made < 10_000; made++) yield "x".repeat(100_000);
    } finally {
      closed++;
    }
  });
  await using server = await serveSocket(flood, ANY, { clock, sendTimeoutMs: 5000 });
  const client = await rawClient(server.url);
  client.socket.pause();
  client.ask({ method: "stream" });
  let before = -1;
  while (made !== before || made === 0) {
    before = made;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(made < 500, `${made} chunks were made for a client that reads none`);
  await clock.advance(5000);
  await until(() => closed === 1, "the stream is closed");
  await clock.advance(1000);
  await until(() => server.connections === 0, "the client is dropped");
  client.socket.destroy();
});

test("serveSocket() aborts the agent when its client leaves, gently or not", async () => {
  for (const leave of ["end", "destroy"] as const) {
    const { inner, calls } = controlled();
    await using server = await serveSocket(inner, ANY);
    const client = await rawClient(server.url);
    client.ask();
    await until(() => calls.length === 1, "the agent runs");
    client.socket[leave]();
    await until(() => calls[0]!.signal.aborted, "the agent is told");
    await until(() => server.connections === 0, "the connection is gone");
    assert.equal(server.inFlight, 0);
  }
});

test("serveSocket() takes no more connections than maxConnections", async () => {
  await using server = await serveSocket(echo, ANY, { maxConnections: 1 });
  const first = await rawClient(server.url);
  first.ask();
  await first.next();
  const second = await rawClient(server.url);
  await second.closed;
  first.ask();
  assert.equal((await first.next()).type, "response");
  first.socket.destroy();
  await until(() => server.connections === 0, "there is room");
  const third = await rawClient(server.url);
  third.ask();
  assert.equal((await third.next()).type, "response");
  third.socket.destroy();
});

test("serveSocket() holds little for many that announce much", async () => {
  await using it = await served(echo);
  const clients: Raw[] = [];
  for (let i = 0; i < 200; i++) clients.push(await rawClient(it.server.url));
  const before = process.memoryUsage().rss;
  // 10 MiB each, 2 GB together, and one byte of it.
  for (const client of clients) client.write(new Uint8Array([0, 0xa0, 0, 0, 0x7b]));
  await it.stillServes();
  const grown = (process.memoryUsage().rss - before) / 2 ** 20;
  assert.ok(grown < 100, `${grown.toFixed()} MiB for 1000 bytes`);
  for (const client of clients) client.socket.destroy();
});

test("SocketServer.drain() ends what runs, refuses what comes, and closes", async () => {
  const { inner, calls } = controlled();
  const server = await serveSocket(inner, ANY);
  const busy = await rawClient(server.url);
  const idle = await rawClient(server.url);
  busy.ask();
  await until(() => calls.length === 1, "the agent runs");
  const drained = server.drain();
  assert.equal(await idle.next(), undefined);
  assert.equal(server.inFlight, 1);
  await assert.rejects(rawClient(server.url));
  calls[0]!.resolve("done");
  assert.equal((await busy.next()).payload.message.content, "done");
  assert.equal(await busy.next(), undefined);
  await drained;
  await server.finished;
  assert.equal(server.connections, 0);
  await server.drain();
  await server.close();
});

test("SocketServer.drain() cuts what does not end within drainTimeoutMs", async () => {
  const clock = new TestClock();
  const { inner, calls } = controlled();
  const server = await serveSocket(inner, ANY, { clock, drainTimeoutMs: 1000 });
  const busy = await rawClient(server.url);
  busy.ask();
  await until(() => calls.length === 1, "the agent runs");
  const drained = server.drain();
  await clock.advance(1000);
  await drained;
  assert.equal(calls[0]!.signal.aborted, true);
  assert.equal(await busy.next(), undefined);
  assert.equal(clock.pending, 0);
});

test("SocketServer.close() cuts at once, also while it drains; a signal drains", async () => {
  const { inner, calls } = controlled();
  const controller = new AbortController();
  const { signal } = controller;
  let listeners = 0;
  const count = (name: "addEventListener" | "removeEventListener", by: number) => {
    const own = signal[name].bind(signal) as (...args: unknown[]) => void;
    Object.defineProperty(signal, name, {
      value: (...args: unknown[]) => {
        listeners += by;
        own(...args);
      },
    });
  };
  count("addEventListener", 1);
  count("removeEventListener", -1);
  await (await serveSocket(inner, ANY, { signal })).close();
  assert.equal(listeners, 0);
  const server = await serveSocket(inner, ANY, { signal });
  const busy = await rawClient(server.url);
  busy.ask();
  await until(() => calls.length === 1, "the agent runs");
  controller.abort();
  await assert.rejects(rawClient(server.url));
  assert.equal(calls[0]!.signal.aborted, false);
  await server.close();
  assert.equal(calls[0]!.signal.aborted, true);
  await busy.closed;
  await server.finished;
  await assert.rejects(serveSocket(echo, ANY, { signal }), {
    name: "AbortError",
  });
});

test("serveSocket() tells that an address cannot be had", async () => {
  await using server = await serveSocket(echo, ANY);
  await assert.rejects(serveSocket(echo, server.url), (error: { code?: string }) => {
    assert.equal(error.code, "unavailable");
    assert.match(`${error}`, new RegExp(`Cannot listen at ${server.url}: .*EADDRINUSE`));
    return true;
  });
});

test("serveSocket() speaks TLS, and asks for certificates if it is given an authority", async () => {
  const { ca, server: identity, client, strangerCa } = await certificates();
  await using server = await serveSocket(echo, "tcps://127.0.0.1:0", { tls: { ...identity, ca } });
  assert.match(server.url, /^tcps:\/\/127\.0\.0\.1:\d+$/);
  const call = async (tls: object, url = server.url) => {
    await using remote = socketAgent(url, { tls, reconnect: { maxAttempts: 1 } });
    return text(await remote.process(ask));
  };
  assert.equal(await call({ ca, ...client }), "Echo: hi");
  assert.equal(await call({ ca, ...client, serverName: "localhost" }), "Echo: hi");
  await assert.rejects(call({ ca }), { code: "unavailable" });
  const refused = { code: "unavailable", retryable: false, details: { begun: false } };
  await assert.rejects(call({ ca: strangerCa, ...client }), refused);
  await assert.rejects(call({ ca, ...client, serverName: "other.example" }), refused);
  await until(() => server.connections === 0, "the connections are gone");
});

test("serveSocket() counts and cuts connections that never end their handshake", async () => {
  const { server: identity } = await certificates();
  const options = { tls: identity, maxConnections: 1, drainTimeoutMs: 1 };
  const started = performance.now();
  const server = await serveSocket(echo, "tcps://127.0.0.1:0", options);
  const silent = await rawClient(server.url.replace("tcps:", "tcp:"));
  await until(() => server.connections === 1, "it is counted");
  await (await rawClient(server.url.replace("tcps:", "tcp:"))).closed;
  await server.drain();
  await silent.closed;
  assert.ok(performance.now() - started < 5000, "it waited for the handshake to time out");
});

test("serveSocket() refuses bad addresses and options, by name", async () => {
  const refused = (url: string, options: unknown, expected: object) =>
    assert.rejects(serveSocket(echo, url, options as SocketServerOptions), expected);
  await refused("tcp://127.0.0.1", {}, TypeError);
  await refused("tcp://127.0.0.1:70000", {}, RangeError);
  await refused(ANY, { maxConnections: 0 }, { name: "RangeError", message: /'maxConnections'/ });
  await refused(ANY, { frameTimeoutMs: "1" }, { name: "TypeError", message: /'frameTimeoutMs'/ });
  await refused(ANY, { drainTimeoutMs: -1 }, { name: "RangeError", message: /'drainTimeoutMs'/ });
  await refused("unix:///tmp/x", { mode: 0o1000 }, { name: "RangeError", message: /'mode'/ });
  await refused("tcps://127.0.0.1:0", {}, { name: "TypeError", message: /needs 'tls'/ });
  const tls = { cert: "-----BEGIN X", key: "-----BEGIN X" };
  await refused(ANY, { tls }, { name: "TypeError", message: /does not speak TLS/ });
  await refused("tcps://127.0.0.1:0", { tls: { ...tls, key: "no" } }, { name: "TypeError" });
  await assert.rejects(serveSocket([] as unknown as Agent, ANY), TypeError);
});
