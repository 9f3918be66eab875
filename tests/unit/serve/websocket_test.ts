import { test } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import {
  AgenkitError,
  collect,
  createContextKey,
  createContextValues,
  message,
  text,
} from "../../../mod.ts";
import { type AgentServer, serve, type ServeOptions } from "../../../src/serve/mod.ts";
import { webSocketAgent } from "../../../src/transport/websocket/mod.ts";
import { rejection } from "../rejection.ts";
import { RawSocket, request, until, wordAgent } from "./websocket_support.ts";

const ask = (content: string) => message("user", content);

async function serving(
  options: ServeOptions,
  run: (server: AgentServer, seen: ReturnType<typeof wordAgent>["seen"]) => Promise<void>,
): Promise<void> {
  const { agent, seen } = wordAgent();
  const server = await serve(agent, { port: 0, ...options });
  try {
    await run(server, seen);
  } finally {
    await server.close();
  }
}

const wsUrl = (server: AgentServer) => server.url.replace("http", "ws");

test("serve() answers WebSockets at / and /ws, in binary, whatever kind of frame asks", async () => {
  await serving({}, async (server) => {
    assert.deepEqual(server.endpoints, [server.url, wsUrl(server)]);
    for (const path of ["/", "/ws", ""]) {
      const raw = await RawSocket.open(wsUrl(server) + path);
      raw.send(request("text"));
      assert.equal((await raw.envelope()).payload.message.content, "Echo: text");
      assert.equal(raw.binary, true);
      raw.send(new TextEncoder().encode(request("binary")));
      assert.equal((await raw.envelope()).payload.message.content, "Echo: binary");
      raw.socket.close();
    }
    await assert.rejects(RawSocket.open(`${wsUrl(server)}/elsewhere`));
  });
});

test("webSocketAgent() calls it, multiplexed and one call at a time", async () => {
  await serving({}, async (server) => {
    for (const multiplex of ["auto", true, false] as const) {
      const agent = webSocketAgent(server.url, { multiplex });
      assert.equal(text(await agent.process(ask("hello"))), "Echo: hello");
      const streamed = await collect(agent.stream(ask("a b c")));
      assert.deepEqual(streamed.map(text), ["a", "b", "c"]);
      const at = await Promise.all(
        Array.from({ length: 50 }, (_, i) => agent.process(ask(`${i}`))),
      );
      assert.deepEqual(at.map(text), at.map((_, i) => `Echo: ${i}`));
      assert.match((await rejection(agent.process(ask("fail")))).message, /on purpose/);
      const large = "ü".repeat(1_000_000);
      assert.equal(text(await agent.process(ask(large))), `Echo: ${large}`);
      await agent.close();
    }
  });
});

test("a server without 'multiplex' is called one at a time, and refuses who insists", async () => {
  await serving({ websocket: { multiplex: false } }, async (server) => {
    const agent = webSocketAgent(server.url);
    const answers = await Promise.all([1, 2, 3].map((i) => agent.process(ask(`${i}`))));
    assert.deepEqual(answers.map(text), ["Echo: 1", "Echo: 2", "Echo: 3"]);
    await agent.close();
    const insisting = webSocketAgent(server.url, {
      multiplex: true,
      reconnect: { maxAttempts: 1 },
    });
    assert.equal((await rejection(insisting.process(ask("x")))).code, "unavailable");
    await insisting.close();
  });
});

test("a client that leaves stops the agent, by abort and by break", async () => {
  await serving({}, async (server, seen) => {
    for (const multiplex of [true, false]) {
      const before = seen.left;
      const agent = webSocketAgent(server.url, { multiplex });
      const controller = new AbortController();
      const reason = new Error("went home");
      const call = rejection(agent.process(ask("wait"), { signal: controller.signal }));
      await until(() => server.inFlight === 1);
      controller.abort(reason);
      assert.equal(await call, reason);
      let chunks = 0;
      for await (const _ of agent.stream(ask("forever"))) if (++chunks === 3) break;
      await until(() => seen.left === before + 2 && server.inFlight === 0);
      assert.equal(text(await agent.process(ask("next"))), "Echo: next");
      await agent.close();
    }
  });
});

test("a socket that is closed in the middle of a call stops the agent", async () => {
  await serving({}, async (server, seen) => {
    const raw = await RawSocket.open(wsUrl(server));
    raw.send(request("wait"));
    await until(() => server.inFlight === 1);
    raw.socket.close();
    await until(() => seen.left === 1 && server.inFlight === 0);
  });
});

test("what cannot be read is answered, and the connection lives on", async () => {
  await serving({}, async (server) => {
    const raw = await RawSocket.open(wsUrl(server));
    const cases: [string, string][] = [
      ["garbage", "unknown"],
      ["[1, 2]", "unknown"],
      ["null", "unknown"],
      [request("x", { version: "2.0" }), "raw-1"],
      [request("x", { type: "nonsense" }), "raw-1"],
      [request("x", { payload: null }), "raw-1"],
      [request("x", { payload: { method: "execute", message: {} } }), "raw-1"],
      [request("x", { payload: { method: "process" } }), "raw-1"],
    ];
    for (const [sent, id] of cases) {
      raw.send(sent);
      const { type, id: got, payload } = await raw.envelope();
      assert.deepEqual([type, got, payload.error_code], ["error", id, "INVALID_MESSAGE"], sent);
    }
    raw.send(request("still here"));
    assert.equal((await raw.envelope()).payload.message.content, "Echo: still here");
    raw.socket.close();
  });
});

test("a message above the limit closes its connection with 1009, and no other", async () => {
  await serving({ maxBytes: 100_000 }, async (server) => {
    const other = await RawSocket.open(wsUrl(server));
    const raw = await RawSocket.open(wsUrl(server));
    raw.send(request("x".repeat(100_001)));
    assert.equal((await raw.closed).code, 1009);
    const text = await RawSocket.open(wsUrl(server));
    // Fewer characters, more bytes.
    text.send(request("ü".repeat(60_000)));
    assert.equal((await text.closed).code, 1009);
    other.send(request("fine"));
    assert.equal((await other.envelope()).payload.message.content, "Echo: fine");
    other.socket.close();
  });
});

test("pings are answered while an agent works", async () => {
  await serving({}, async (server) => {
    const { port } = server;
    const socket = connect(port, "127.0.0.1");
    const frames: number[] = [];
    let handshake = "";
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("data", (data: Uint8Array) => {
        if (handshake.includes("\r\n\r\n")) {
          frames.push(data[0]!);
          return resolve();
        }
        handshake += new TextDecoder().decode(data);
        if (!handshake.includes("\r\n\r\n")) return;
        const body = new TextEncoder().encode(request("wait"));
        // Masked with zeros: a request, and then a ping.
        socket.write(new Uint8Array([0x81, 0xfe, body.length >> 8, body.length & 255, 0, 0, 0, 0]));
        socket.write(body);
        socket.write(new Uint8Array([0x89, 0x80, 0, 0, 0, 0]));
      });
      socket.write(
        `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
          "Sec-WebSocket-Version: 13\r\n\r\n",
      );
    });
    assert.match(handshake, /^HTTP\/1\.1 101/);
    assert.deepEqual(frames, [0x8a]);
    assert.equal(server.inFlight, 1);
    socket.destroy();
    await until(() => server.inFlight === 0);
  });
});

test("pages of other origins are refused with 403, unless 'cors' allows them", async () => {
  const shake = async (server: AgentServer, origin?: string) => {
    const socket = connect(server.port, "127.0.0.1");
    const answer = await new Promise<string>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("data", (data: Uint8Array) => resolve(new TextDecoder().decode(data)));
      socket.write(
        `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nUpgrade: websocket\r\n` +
          (origin === undefined ? "" : `Origin: ${origin}\r\n`) +
          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
          "Sec-WebSocket-Version: 13\r\n\r\n",
      );
    });
    socket.destroy();
    return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  };
  await serving({}, async (server) => {
    assert.equal(await shake(server), 101);
    assert.equal(await shake(server, server.url), 101);
    assert.equal(await shake(server, "https://evil.example"), 403);
  });
  await serving({ cors: { origins: ["https://app.example"] } }, async (server) => {
    assert.equal(await shake(server, "https://app.example"), 101);
    assert.equal(await shake(server, "https://evil.example"), 403);
  });
});

test("'context' sees the handshake, gives values, and can refuse", async () => {
  const user = createContextKey("nobody", "user");
  const { agent } = wordAgent();
  const server = await serve({
    ...agent,
    name: "who",
    process: (_request, call) => Promise.resolve(message("agent", call!.values!.get(user))),
  }, {
    port: 0,
    context: (request) => {
      const name = new URL(request.url).searchParams.get("user");
      if (name === null) throw new AgenkitError("unauthenticated", "who are you?");
      return createContextValues().with(user, name);
    },
  });
  try {
    for (const multiplex of [true, false]) {
      const remote = webSocketAgent(`${server.url}/?user=zoë`, { multiplex });
      assert.equal(text(await remote.process(ask("who"))), "zoë");
      await remote.close();
    }
    const stranger = webSocketAgent(server.url, { reconnect: { maxAttempts: 1 } });
    assert.equal((await rejection(stranger.process(ask("who")))).code, "unavailable");
    await stranger.close();
  } finally {
    await server.close();
  }
});

test("drain() lets calls end, closes idle connections with 1001, and refuses new ones", async () => {
  const gate = Promise.withResolvers<void>();
  const { agent } = wordAgent();
  const server = await serve({
    ...agent,
    name: "gated",
    process: async (request) => {
      await gate.promise;
      return message("agent", `Echo: ${text(request)}`);
    },
  }, { port: 0 });
  const idle = await RawSocket.open(wsUrl(server));
  const busy = await RawSocket.open(wsUrl(server));
  busy.send(request("one"));
  const agents = [true, false].map((multiplex) => webSocketAgent(server.url, { multiplex }));
  const calls = agents.map((remote) => remote.process(ask("two")));
  await until(() => server.inFlight === 3);
  let drained = false;
  const draining = server.drain().then(() => drained = true);
  assert.equal((await idle.closed).code, 1001);
  await assert.rejects(RawSocket.open(wsUrl(server)));
  assert.equal(drained, false);
  gate.resolve();
  assert.deepEqual((await Promise.all(calls)).map(text), ["Echo: two", "Echo: two"]);
  assert.equal((await busy.envelope()).payload.message.content, "Echo: one");
  assert.equal((await busy.closed).code, 1001);
  await draining;
  await Promise.all(agents.map((remote) => remote.close()));
});

test("webSocketAgent() connects again after the server has gone and come back", async () => {
  for (const multiplex of ["auto", false] as const) {
    const { agent } = wordAgent();
    let server = await serve(agent, { port: 0 });
    const { port } = server;
    const remote = webSocketAgent(server.url, {
      multiplex,
      reconnect: { maxAttempts: 8, initialMs: 50 },
    });
    assert.equal(text(await remote.process(ask("one"))), "Echo: one");
    const cut = rejection(remote.process(ask("wait")));
    await until(() => server.inFlight === 1);
    await server.close();
    assert.equal((await cut).code, "unavailable");
    const back = remote.process(ask("two"));
    server = await serve(agent, { port });
    assert.equal(text(await back), "Echo: two");
    await remote.close();
    await server.close();
  }
});

test("limits of a server: connections, calls of a connection, messages a second", async () => {
  await serving({ websocket: { maxConnections: 1 } }, async (server) => {
    const first = await RawSocket.open(wsUrl(server));
    await assert.rejects(RawSocket.open(wsUrl(server)));
    first.socket.close();
  });
  await serving({ websocket: { maxCallsPerConnection: 2 } }, async (server) => {
    const agent = webSocketAgent(server.url, { multiplex: true });
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = [1, 2].map(() => rejection(agent.process(ask("wait"), { signal })));
    await until(() => server.inFlight === 2);
    const third = await rejection(agent.process(ask("third")));
    assert.equal(third.code, "resource_exhausted");
    assert.equal(third.retryable, true);
    controller.abort();
    await Promise.all(waiting);
    await agent.close();
  });
  await serving({ websocket: { maxMessagesPerSecond: 10 } }, async (server) => {
    const raw = await RawSocket.open(wsUrl(server));
    for (let i = 0; i < 11; i++) raw.send(request("x"));
    assert.equal((await raw.closed).code, 1008);
  });
});

test("serve() without 'websocket' leaves such requests to HTTP", async () => {
  await serving({ websocket: false }, async (server) => {
    assert.equal(server.endpoints.includes(wsUrl(server)), false);
    await assert.rejects(RawSocket.open(wsUrl(server)));
  });
});
