// The Go client against our WebSockets, on Deno.
import { test } from "node:test";
import { theyCallOverChannels } from "./channel_they_call.ts";
import { goClient, Lazy, needs } from "./suite.ts";
import { goPeer } from "./toolchain.ts";
import { ourWebSocketServer } from "./websocket_suite.ts";

const SUITE = "WebSocket Go -> TypeScript";
const found = await needs(SUITE, { go: goPeer() });

if (found) {
  const client = new Lazy(() => goClient(found.go));
  const server = new Lazy(() => ourWebSocketServer("/ws", "Deno"));
  theyCallOverChannels({
    language: "go",
    transport: "WebSocket",
    client,
    server,
    runtime: "Deno",
    keepsTimeouts: false,
  });
  test(`${SUITE} end`, async () => {
    for (const peer of [client, server]) await peer.stop();
  });
}
