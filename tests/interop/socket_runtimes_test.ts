// The peers' clients against our servers at sockets on Node and on Bun, where these are named.
import { test } from "node:test";
import { theyCallOverChannels } from "./channel_they_call.ts";
import { ourSocketServer, SOCKETS } from "./socket_suite.ts";
import { goClient, Lazy, needs, pythonClient } from "./suite.ts";
import { goPeer, named, pythonWithAgenkit } from "./toolchain.ts";

for (
  const [runtime, variable] of [["Node", "AGENKIT_TEST_NODE"], ["Bun", "AGENKIT_TEST_BUN"]] as const
) {
  const suite = `sockets peers -> TypeScript on ${runtime}`;
  const found = await needs(suite, {
    [runtime]: named(variable),
    python: pythonWithAgenkit(),
    go: goPeer(),
  });
  if (!found) continue;
  const python = new Lazy(() => pythonClient(found["python"]!));
  const go = new Lazy(() => goClient(found["go"]!));
  for (const transport of SOCKETS) {
    const server = new Lazy(() => ourSocketServer(transport, runtime, found[runtime]));
    const shared = { transport, server, runtime };
    theyCallOverChannels({ ...shared, language: "python", client: python, keepsTimeouts: true });
    theyCallOverChannels({ ...shared, language: "go", client: go, keepsTimeouts: false });
    test(`${suite} over ${transport} end`, () => server.stop());
  }
  test(`${suite} end`, async () => {
    for (const peer of [python, go]) await peer.stop();
  });
}
