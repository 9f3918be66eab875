// The Go stand-in's client against our server.
import { test } from "node:test";
import { goPeer } from "./toolchain.ts";
import { goClient, Lazy, needs, ourServer } from "./suite.ts";
import { theyCall } from "./they_call.ts";

const SUITE = "HTTP Go -> TypeScript";
const found = await needs(SUITE, { go: goPeer() });

if (found) {
  const client = new Lazy(() => goClient(found.go));
  const server = new Lazy(() => ourServer("Deno"));

  theyCall({ language: "go", client, server, runtime: "Deno", incremental: true });

  test(`${SUITE} end`, async () => {
    for (const peer of [client, server]) await peer.stop();
  });
}
