import { test } from "node:test";
import assert from "node:assert/strict";
import { message, text } from "../../../../mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import {
  webSocketAgent,
  type WebSocketAgentOptions,
  type WebSocketEvent,
  type WebSocketLike,
} from "../../../../src/transport/websocket/mod.ts";
import { rejection } from "../../rejection.ts";

const ask = message("user", "hello");

/** A WebSocket within the process, to a peer that answers requests one at a time. */
class FakeSocket implements WebSocketLike {
  binaryType = "blob";
  readyState = 0;
  readonly bufferedAmount = 0;
  protocol = "";
  readonly sent: unknown[] = [];
  closed = false;
  readonly #listeners = new Map<string, ((event: WebSocketEvent) => void)[]>();

  addEventListener(type: string, listener: (event: WebSocketEvent) => void): void {
    this.#listeners.set(type, [...this.#listeners.get(type) ?? [], listener]);
  }

  emit(type: string, event: WebSocketEvent = {}): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event);
  }

  open(protocol = ""): void {
    this.protocol = protocol;
    this.readyState = 1;
    this.emit("open");
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
    const request = JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data));
    const { id, payload } = request;
    const answer = { role: "agent", content: `Echo: ${payload.message.content}`, metadata: {} };
    const envelope = { version: "1.0", type: "response", id, payload: { message: answer } };
    queueMicrotask(() => this.emit("message", { data: JSON.stringify(envelope) }));
  }

  close(): void {
    this.closed = true;
  }
}

/** An agent whose handshakes go as `shake` says, and what it tried. */
function dialling(
  shake: (socket: FakeSocket, url: string, protocols: readonly string[]) => void,
  options: WebSocketAgentOptions = {},
  url = "ws://host:1",
) {
  const tried: [string, readonly string[]][] = [];
  const sockets: FakeSocket[] = [];
  const clock = new TestClock();
  const agent = webSocketAgent(url, {
    clock,
    random: () => 0,
    reconnect: { maxAttempts: 1 },
    webSocket: (url, protocols) => {
      const socket = new FakeSocket();
      sockets.push(socket);
      tried.push([url, protocols]);
      queueMicrotask(() => shake(socket, url, protocols));
      return socket;
    },
    ...options,
  });
  return { agent, tried, sockets, clock };
}

const MUX = ["agenkit.v1.mux"];

test("webSocketAgent() offers the subprotocol, and then connects without it, and at /ws", async () => {
  const { agent, tried } = dialling((socket, url, protocols) => {
    if (url.endsWith("/ws") && protocols.length === 0) socket.open();
    else socket.emit("error", { message: "refused" });
  });
  assert.equal(text(await agent.process(ask)), "Echo: hello");
  assert.deepEqual(tried, [
    ["ws://host:1/", MUX],
    ["ws://host:1/", []],
    ["ws://host:1/ws", MUX],
    ["ws://host:1/ws", []],
  ]);
  // What worked is what the next connection begins with.
  await Promise.all([agent.process(ask), agent.process(ask)]);
  assert.deepEqual(tried[4], ["ws://host:1/ws", []]);
  await agent.close();
});

test("webSocketAgent() tries no other path than the one it was given", async () => {
  const { agent, tried } = dialling(
    (socket) => socket.emit("error"),
    {},
    "http://host:1/agents/?key=secret#part",
  );
  const error = await rejection(agent.process(ask));
  assert.deepEqual(tried.map(([url]) => url), Array(2).fill("ws://host:1/agents?key=secret"));
  assert.equal(error.code, "unavailable");
  assert.equal(error.details?.begun, false);
  assert.doesNotMatch(error.message, /secret/);
});

test("webSocketAgent() speaks the peers' wire, in binary, to who ignores the subprotocol", async () => {
  const { agent, tried, sockets } = dialling((socket) => socket.open(), { name: "echo" });
  const calls = await Promise.all([1, 2, 3].map(() => agent.process(ask)));
  assert.equal(calls.length, 3);
  assert.equal(tried.length, 3);
  assert.ok(sockets.every(({ sent }) => sent.every((data) => data instanceof Uint8Array)));
  assert.equal(sockets[0]!.binaryType, "arraybuffer");
  await agent.close();
  assert.ok(sockets.every(({ closed }) => closed));
});

test("webSocketAgent() offers nothing with multiplex false, and insists with true", async () => {
  const never = dialling((socket) => socket.open(), { multiplex: false });
  await never.agent.process(ask);
  assert.deepEqual(never.tried, [["ws://host:1/", []]]);
  const always = dialling((socket) => socket.open(), { multiplex: true });
  assert.match((await rejection(always.agent.process(ask))).message, /does not speak/);
  assert.deepEqual(always.tried.map(([, protocols]) => protocols), [MUX, MUX]);
});

test("webSocketAgent() gives a handshake up after connectTimeoutMs, and when its caller leaves", async () => {
  const slow = dialling(() => {}, { multiplex: false, connectTimeoutMs: 100 }, "ws://host/path");
  const late = rejection(slow.agent.process(ask));
  await slow.clock.advance(100);
  assert.match((await late).message, /no answer within 100 ms/);
  assert.equal(slow.sockets[0]!.closed, true);
  assert.equal(slow.clock.pending, 0);

  const { agent } = dialling(() => {});
  const controller = new AbortController();
  const reason = new Error("went home");
  const call = rejection(agent.process(ask, { signal: controller.signal }));
  controller.abort(reason);
  assert.equal(await call, reason);
  await agent.close();
});

test("webSocketAgent() finds out anew what a server can, after it has failed for a while", async () => {
  let era: "old" | "gone" | "new" = "old";
  const { agent, tried, sockets } = dialling((socket, _url, protocols) => {
    if (era === "gone" || era === "old" && protocols.length > 0) socket.emit("error");
    else socket.open(protocols[0] ?? "");
  }, { idleMs: 1_000 });
  await agent.process(ask);
  era = "gone";
  for (const socket of sockets) socket.emit("close", { code: 1006, reason: "" });
  for (let i = 0; i < 3; i++) {
    await null;
    assert.equal((await rejection(agent.process(ask))).code, "unavailable");
  }
  era = "new";
  const before = tried.length;
  assert.equal(text(await agent.process(ask)), "Echo: hello");
  assert.deepEqual(tried.slice(before), [["ws://host:1/", MUX]]);
  await agent.close();
});

test("webSocketAgent() refuses bad URLs and options at construction, by name", () => {
  for (const url of ["tcp://host:1", "nonsense", ""]) {
    assert.throws(() => webSocketAgent(url), /'url' must be a ws:\/\/ or wss:\/\/ URL/);
  }
  const wrong: [object, RegExp][] = [
    [{ multiplex: "yes" }, /'multiplex' must be true, false or "auto"/],
    [{ webSocket: 1 }, /'webSocket' must be a function/],
    [{ connectTimeoutMs: 0 }, /'connectTimeoutMs'/],
    [{ keepAliveMs: -1 }, /'keepAliveMs'/],
    [{ keepAliveTimeoutMs: 0 }, /'keepAliveTimeoutMs'/],
    [{ maxCallsPerConnection: 0.5 }, /'maxCallsPerConnection'/],
    [{ timeoutMs: NaN }, /'timeoutMs'/],
  ];
  for (const [options, text] of wrong) {
    assert.throws(() => webSocketAgent("ws://host", options as WebSocketAgentOptions), text);
  }
});
