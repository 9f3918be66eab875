// The peers' clients against our WebSockets on Node and on Bun, where these are named.
import { test } from "node:test";
import { theyCallOverChannels } from "./channel_they_call.ts";
import { goClient, Lazy, needs, pythonClient } from "./suite.ts";
import { goPeer, named, pythonWithAgenkit } from "./toolchain.ts";
import { ourWebSocketServer } from "./websocket_suite.ts";

for (
  const [runtime, variable] of [["Node", "AGENKIT_TEST_NODE"], ["Bun", "AGENKIT_TEST_BUN"]] as const
) {
  const suite = `WebSocket peers -> TypeScript on ${runtime}`;
  const found = await needs(suite, {
    [runtime]: named(variable),
    python: pythonWithAgenkit(),
    go: goPeer(),
  });
  if (!found) continue;
  const python = new Lazy(() => pythonClient(found["python"]!));
  const go = new Lazy(() => goClient(found["go"]!));
  const server = new Lazy(() => ourWebSocketServer("/ws", runtime, found[runtime]));
  const shared = { transport: "WebSocket", server, runtime };
  theyCallOverChannels({
    ...shared,
    language: "python",
    client: python,
    keepsTimeouts: true,
    triesLong: true,
  });
  theyCallOverChannels({ ...shared, language: "go", client: go, keepsTimeouts: false });
  test(`${suite} end`, async () => {
    for (const peer of [python, go, server]) await peer.stop();
  });
}
