import { test } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { agent, collect, delay, message, text, TimeoutError } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";
import { webSocketAgent } from "../../../src/transport/websocket/mod.ts";
import { rejection } from "../rejection.ts";
import { Relay } from "./relay.ts";
import { RawSocket, request, until, wordAgent } from "./websocket_support.ts";

const ask = (content: string) => message("user", content);

for (const multiplex of [true, false]) {
  const how = multiplex ? "multiplexed" : "one call at a time";

  test(`a network that goes silent: typed errors within the deadline, and a new connection (${how})`, async () => {
    const { agent } = wordAgent();
    const server = await serve(agent, { port: 0 });
    const relay = await Relay.to(server.port);
    const remote = webSocketAgent(`ws://127.0.0.1:${relay.port}`, {
      multiplex,
      // Long enough for a call on a busy machine.
      timeoutMs: 1_500,
      keepAliveTimeoutMs: 500,
    });
    const direct = webSocketAgent(server.url);
    try {
      // Without multiplexing these have two connections, of which the stream takes one.
      await Promise.all(["before", "too"].map((content) => remote.process(ask(content))));
      const stream = remote.stream(ask("forever"))[Symbol.asyncIterator]();
      await stream.next();
      relay.silence();
      assert.ok(await rejection(remote.process(ask("lost"))) instanceof TimeoutError);
      await assert.rejects(async () => {
        for (;;) if ((await stream.next()).done) throw new Error("ended cleanly");
      }, TimeoutError);
      // Who uses another connection has noticed nothing.
      assert.equal(text(await direct.process(ask("direct"))), "Echo: direct");
      // Time to see that the old connection is dead.
      await delay(1_000);
      assert.equal(text(await remote.process(ask("after"))), "Echo: after");
    } finally {
      await remote.close();
      await direct.close();
      await relay[Symbol.asyncDispose]();
      await server.close();
    }
  });

  test(`a client that vanishes without a word is forgotten, with what runs for it (${how})`, async () => {
    let left = 0;
    const endless = agent("endless", async function* (_request, { signal }) {
      signal!.addEventListener("abort", () => left++);
      for (let i = 0;; i++) {
        yield "x".repeat(100_000);
        await delay(1);
      }
    });
    const server = await serve(endless, {
      port: 0,
      websocket: { idleTimeoutMs: 1_000, sendTimeoutMs: 1_000 },
    });
    const relay = await Relay.to(server.port);
    const idle = await RawSocket.open(`ws://127.0.0.1:${relay.port}`);
    const remote = webSocketAgent(`ws://127.0.0.1:${relay.port}`, { multiplex });
    const stream = remote.stream(ask("x"))[Symbol.asyncIterator]();
    await stream.next();
    assert.equal(server.inFlight, 1);
    relay.silence();
    try {
      await until(() => server.inFlight === 0 && left === 1);
    } finally {
      await remote.close();
      idle.socket.close();
      await relay[Symbol.asyncDispose]();
      await server.close();
    }
  });
}

test("a client that reads nothing is dropped after sendTimeoutMs, and no other is held up", async () => {
  let made = 0;
  const large = agent("large", async function* (request) {
    if (text(request) !== "large") return yield `Echo: ${text(request)}`;
    for (let i = 0; i < 1_000; i++) {
      made++;
      yield "x".repeat(1_000_000);
    }
  });
  const server = await serve(large, { port: 0, websocket: { sendTimeoutMs: 1_000 } });
  const other = webSocketAgent(server.url);
  const socket = connect(server.port, "127.0.0.1");
  try {
    await new Promise<void>((resolve) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.pause();
        const payload = { method: "stream", message: JSON.parse(request("large")).payload.message };
        const body = new TextEncoder().encode(request("large", { payload }));
        socket.write(new Uint8Array([0x81, 0xfe, body.length >> 8, body.length & 255, 0, 0, 0, 0]));
        socket.write(body, () => resolve());
      });
      socket.write(
        `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nUpgrade: websocket\r\n` +
          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
          "Sec-WebSocket-Version: 13\r\n\r\n",
      );
    });
    await until(() => server.inFlight === 1);
    await delay(200);
    assert.equal(text(await other.process(ask("meanwhile"))), "Echo: meanwhile");
    assert.deepEqual((await collect(other.stream(ask("too")))).map(text), ["Echo: too"]);
    await until(() => server.inFlight === 0);
    assert.ok(made < 50, `${made} chunks of 1 MB were made for a client that reads none`);
  } finally {
    socket.destroy();
    await other.close();
    await server.close();
  }
});

test("whatever bytes a client sends, the server lives on, and so do other connections", async () => {
  const { agent } = wordAgent();
  const server = await serve(agent, { port: 0 });
  const other = await RawSocket.open(server.url.replace("http", "ws"));
  const junk = [
    new Uint8Array([0xff, 0xff, 0xff, 0xff]),
    // A frame that claims 2^63 bytes.
    new Uint8Array([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
    // One that is not masked, a fragment of nothing, and a control frame that is too long.
    new Uint8Array([0x81, 0x02, 0x7b, 0x7d]),
    new Uint8Array([0x80, 0x80, 0, 0, 0, 0]),
    new Uint8Array([0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0]),
    new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
  ];
  try {
    for (const bytes of junk) {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {});
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.write(
        `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nUpgrade: websocket\r\n` +
          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
          "Sec-WebSocket-Version: 13\r\n\r\n",
      );
      socket.once("data", () => socket.write(bytes));
      await Promise.race([closed, delay(300)]);
      socket.destroy();
      other.send(request("fine"));
      assert.equal((await other.envelope()).payload.message.content, "Echo: fine");
    }
  } finally {
    other.socket.close();
    await server.close();
  }
});
