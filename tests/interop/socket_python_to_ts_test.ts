// The Python client against our servers at TCP and Unix sockets, on Deno.
import { test } from "node:test";
import { theyCallOverChannels } from "./channel_they_call.ts";
import { ourSocketServer, SOCKETS } from "./socket_suite.ts";
import { Lazy, needs, pythonClient } from "./suite.ts";
import { pythonWithAgenkit } from "./toolchain.ts";

const SUITE = "sockets Python -> TypeScript";
const found = await needs(SUITE, { python: pythonWithAgenkit() });

if (found) {
  const client = new Lazy(() => pythonClient(found.python));
  for (const transport of SOCKETS) {
    const server = new Lazy(() => ourSocketServer(transport, "Deno"));
    theyCallOverChannels({
      language: "python",
      transport,
      client,
      server,
      runtime: "Deno",
      keepsTimeouts: true,
    });
    test(`${SUITE} over ${transport} end`, () => server.stop());
  }
  test(`${SUITE} end`, () => client.stop());
}
