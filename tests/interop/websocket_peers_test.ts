// The peers over WebSocket among themselves, so that the Go stand-in is one the real Python gets along with.
import { test } from "node:test";
import assert from "node:assert/strict";
import { UNICODE } from "./scenarios.ts";
import { goClient, Lazy, needs, pythonClient } from "./suite.ts";
import { goPeer, pythonWithAgenkit } from "./toolchain.ts";
import { goWebSocketServer, pythonWebSocketServer } from "./websocket_suite.ts";

const SUITE = "WebSocket peers";
const found = await needs(SUITE, { python: pythonWithAgenkit(), go: goPeer() });

if (found) {
  const clients = {
    python: new Lazy(() => pythonClient(found.python)),
    go: new Lazy(() => goClient(found.go)),
  };
  for (const [from, to] of [["python", "go"], ["go", "python"]] as const) {
    test(`${from} -> ${to} over WebSocket: unary, streamed, and a failure`, async () => {
      await using server =
        await (to === "go" ? goWebSocketServer(found.go) : pythonWebSocketServer(found.python));
      const client = await clients[from].get();
      const url = server.url + (to === "go" ? "/ws" : "");
      const unary = await client.run({ op: "process", url, message: { content: UNICODE } });
      assert.equal(unary.messages[0]?.content, `Echo: ${UNICODE}`, unary.error);
      const metadata = { behaviour: "chunks", n: 3 };
      const streamed = await client.run({ op: "stream", url, message: { content: "", metadata } });
      assert.equal(streamed.messages.length, 3, streamed.error);
      const fail = { content: "", metadata: { behaviour: "fail", text: "no such patient" } };
      const failed = await client.run({ op: "process", url, message: fail });
      assert.match(failed.error ?? "", /no such patient/);
    });
  }

  test(`${SUITE} end`, async () => {
    for (const client of Object.values(clients)) await client.stop();
  });
}
