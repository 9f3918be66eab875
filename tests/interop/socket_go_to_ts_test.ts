// The Go client against our servers at TCP and Unix sockets, on Deno.
import { test } from "node:test";
import { theyCallOverChannels } from "./channel_they_call.ts";
import { ourSocketServer, SOCKETS } from "./socket_suite.ts";
import { goClient, Lazy, needs } from "./suite.ts";
import { goPeer } from "./toolchain.ts";

const SUITE = "sockets Go -> TypeScript";
const found = await needs(SUITE, { go: goPeer() });

if (found) {
  const client = new Lazy(() => goClient(found.go));
  for (const transport of SOCKETS) {
    const server = new Lazy(() => ourSocketServer(transport, "Deno"));
    theyCallOverChannels({
      language: "go",
      transport,
      client,
      server,
      runtime: "Deno",
      keepsTimeouts: false,
    });
    test(`${SUITE} over ${transport} end`, () => server.stop());
  }
  test(`${SUITE} end`, () => client.stop());
}
