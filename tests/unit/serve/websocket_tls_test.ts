import { test } from "node:test";
import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { collect, message, text } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";
import { webSocketAgent, type WebSocketLike } from "../../../src/transport/websocket/mod.ts";
import { certificates } from "../../support/certificates.ts";
import { rejection } from "../rejection.ts";
import { wordAgent } from "./websocket_support.ts";

const ask = (content: string) => message("user", content);

test("serve() with TLS takes WebSockets at wss:, and a client that does not trust it says so", async () => {
  const { ca, server: tls } = await certificates();
  const { agent } = wordAgent();
  const server = await serve(agent, { port: 0, tls });
  const url = `wss://localhost:${server.port}`;
  assert.ok(server.endpoints.includes(server.url.replace("https", "wss")));
  const trusting = (multiplex: boolean) =>
    webSocketAgent(url, {
      multiplex,
      webSocket: (url, protocols) =>
        new WebSocket(url, [...protocols], { ca }) as unknown as WebSocketLike,
    });
  try {
    for (const multiplex of [true, false]) {
      const remote = trusting(multiplex);
      assert.equal(text(await remote.process(ask("secret"))), "Echo: secret");
      assert.deepEqual((await collect(remote.stream(ask("a b")))).map(text), ["a", "b"]);
      await remote.close();
    }
    const strict = webSocketAgent(url, { reconnect: { maxAttempts: 1 } });
    assert.equal((await rejection(strict.process(ask("x")))).code, "unavailable");
    await strict.close();
  } finally {
    await server.close();
  }
});
