// The Python client against our WebSockets, on Deno.
import { test } from "node:test";
import { theyCallOverChannels } from "./channel_they_call.ts";
import { Lazy, needs, pythonClient } from "./suite.ts";
import { pythonWithAgenkit } from "./toolchain.ts";
import { ourWebSocketServer } from "./websocket_suite.ts";

const SUITE = "WebSocket Python -> TypeScript";
const found = await needs(SUITE, { python: pythonWithAgenkit() });

if (found) {
  const client = new Lazy(() => pythonClient(found.python));
  const server = new Lazy(() => ourWebSocketServer("", "Deno"));
  theyCallOverChannels({
    language: "python",
    transport: "WebSocket",
    client,
    server,
    runtime: "Deno",
    keepsTimeouts: true,
    triesLong: true,
  });
  test(`${SUITE} end`, async () => {
    for (const peer of [client, server]) await peer.stop();
  });
}
