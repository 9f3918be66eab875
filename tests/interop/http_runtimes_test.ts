// The peers' clients against our server on Node and on Bun, where these are named.
import { test } from "node:test";
import { goPeer, named, pythonWithAgenkit } from "./toolchain.ts";
import { goClient, Lazy, needs, ourServer, pythonClient } from "./suite.ts";
import { theyCall } from "./they_call.ts";

for (
  const [runtime, variable] of [["Node", "AGENKIT_TEST_NODE"], ["Bun", "AGENKIT_TEST_BUN"]] as const
) {
  const suite = `HTTP peers -> TypeScript on ${runtime}`;
  const found = await needs(suite, {
    [runtime]: named(variable),
    python: pythonWithAgenkit(),
    go: goPeer(),
  });
  if (!found) continue;
  const server = new Lazy(() => ourServer(runtime, found[runtime]));
  const python = new Lazy(() => pythonClient(found["python"]!));
  const go = new Lazy(() => goClient(found["go"]!));

  theyCall({ language: "python", client: python, server, runtime, incremental: false });
  theyCall({ language: "go", client: go, server, runtime, incremental: true });

  test(`${suite} end`, async () => {
    for (const peer of [server, python, go]) await peer.stop();
  });
}
