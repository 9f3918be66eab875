// Our client against the published Python agenkit's WebSockets.
import { test } from "node:test";
import assert from "node:assert/strict";
import { message, text } from "../../mod.ts";
import { webSocketAgent } from "../../src/transport/websocket/mod.ts";
import { weCallOverChannels } from "./channel_we_call.ts";
import { Lazy, needs } from "./suite.ts";
import { pythonWithAgenkit } from "./toolchain.ts";
import { pythonWebSocketServer } from "./websocket_suite.ts";

const SUITE = "WebSocket TypeScript -> Python";
const found = await needs(SUITE, { python: pythonWithAgenkit() });

if (found) {
  const server = new Lazy(() => pythonWebSocketServer(found.python));
  weCallOverChannels({
    language: "python",
    transport: "WebSocket",
    server,
    connect: webSocketAgent,
    failures: ["INTERNAL_ERROR", "INTERNAL_ERROR"],
  });

  test("TypeScript -> python over WebSocket: content that is no text, as it is", async () => {
    await using agent = webSocketAgent((await server.get()).url, { content: "json" });
    for (const value of [{ a: [1, "x"] }, [1], 42, true]) {
      const reply = await agent.process(message("user", value, { behaviour: "same" }));
      assert.deepEqual(reply.content, value);
    }
  });

  test("TypeScript -> python over WebSocket: too much for the peer is told as such", async () => {
    await using agent = webSocketAgent((await server.get()).url, { maxBytes: 20_000_000 });
    const large = message("user", "x".repeat(11_000_000));
    await assert.rejects(agent.process(large), { code: "resource_exhausted", retryable: false });
    assert.equal(text(await agent.process(message("user", "next"))), "Echo: next");
  });

  test("TypeScript -> python over WebSocket: NaN in an answer fails the call alone", async () => {
    await using agent = webSocketAgent((await server.get()).url);
    const nan = message("user", "x", { behaviour: "nan" });
    await assert.rejects(agent.process(nan), { code: "internal" });
    assert.equal(text(await agent.process(message("user", "next"))), "Echo: next");
  });

  test(`${SUITE} end`, () => server.stop());
}
