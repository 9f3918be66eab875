// Our client against the Go stand-in's WebSockets.
import { test } from "node:test";
import assert from "node:assert/strict";
import { type AgenkitError, collect, message, text } from "../../mod.ts";
import { webSocketAgent } from "../../src/transport/websocket/mod.ts";
import { weCallOverChannels } from "./channel_we_call.ts";
import { Lazy, needs } from "./suite.ts";
import { goPeer } from "./toolchain.ts";
import { goWebSocketServer } from "./websocket_suite.ts";

const SUITE = "WebSocket TypeScript -> Go";
const found = await needs(SUITE, { go: goPeer() });

if (found) {
  const server = new Lazy(() => goWebSocketServer(found.go));
  // The URL has no path: that the peer is at /ws is for our client to find out.
  weCallOverChannels({
    language: "go",
    transport: "WebSocket",
    server,
    connect: webSocketAgent,
    failures: ["EXECUTION_ERROR", "STREAM_ERROR"],
  });

  test("TypeScript -> go over WebSocket: row 39, 10 sockets at once", async () => {
    const { url } = await server.get();
    const agents = Array.from({ length: 10 }, () => webSocketAgent(`${url}/ws`));
    const replies = await Promise.all(agents.map((a, i) => a.process(message("user", `${i}`))));
    assert.deepEqual(replies.map(text), replies.map((_, i) => `Echo: ${i}`));
    for (const agent of agents) await agent.close();
  });

  test("TypeScript -> go over WebSocket: what is no text arrives as its JSON", async () => {
    await using agent = webSocketAgent((await server.get()).url);
    for (const value of [{ a: [1, "x"] }, [1], 42, true, null]) {
      const reply = await agent.process(message("user", value, { behaviour: "same" }));
      assert.equal(reply.content, JSON.stringify(value));
    }
  });

  test("TypeScript -> go over WebSocket: a peer that panics fails one call, and the next goes", async () => {
    await using agent = webSocketAgent((await server.get()).url, { content: "json" });
    const object = message("user", { not: "text" }, { behaviour: "same" });
    await assert.rejects(agent.process(object), { code: "unavailable", retryable: true });
    assert.equal(text(await agent.process(message("user", "alive"))), "Echo: alive");
  });

  test("TypeScript -> go over WebSocket: too much for the peer fails one call", async () => {
    await using agent = webSocketAgent((await server.get()).url, { maxBytes: 20_000_000 });
    const large = message("user", "x".repeat(11_000_000));
    // Go hangs up while it is still being sent to, so its reason may be lost on the way.
    await assert.rejects(agent.process(large), (error) => {
      const { code } = error as AgenkitError;
      return code === "resource_exhausted" || code === "unavailable";
    });
    assert.equal(text(await agent.process(message("user", "next"))), "Echo: next");
  });

  test("TypeScript -> go over WebSocket: an agent that cannot stream", async () => {
    await using peer = await goWebSocketServer(found.go, "-unary");
    await using agent = webSocketAgent(peer.url);
    await assert.rejects(collect(agent.stream(message("user", "x"))), { code: "unimplemented" });
    assert.equal(text(await agent.process(message("user", "x"))), "Echo: x");
  });

  test("the Go stand-in takes binary messages alone, and keeps the connection of others", async () => {
    const socket = new WebSocket(`${(await server.get()).url}/ws`);
    await new Promise((resolve) => socket.onopen = resolve);
    socket.send("{}");
    const answer = await new Promise<MessageEvent>((resolve) => socket.onmessage = resolve);
    assert.match(await (answer.data as Blob).text(), /only binary messages are supported/);
    assert.equal(socket.readyState, WebSocket.OPEN);
    const closed = new Promise((resolve) => socket.onclose = resolve);
    socket.close();
    await closed;
  });

  test(`${SUITE} end`, () => server.stop());
}
