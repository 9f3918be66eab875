// Our client against the published Python agenkit's servers at TCP and Unix sockets.
import { test } from "node:test";
import { socketAgent } from "../../src/transport/socket/mod.ts";
import { weCallOverChannels } from "./channel_we_call.ts";
import { pythonSocketServer, SOCKETS } from "./socket_suite.ts";
import { Lazy, needs } from "./suite.ts";
import { pythonWithAgenkit } from "./toolchain.ts";

const SUITE = "sockets TypeScript -> Python";
const found = await needs(SUITE, { python: pythonWithAgenkit() });

if (found) {
  for (const transport of SOCKETS) {
    const server = new Lazy(() => pythonSocketServer(found.python, transport));
    weCallOverChannels({
      language: "python",
      transport,
      server,
      connect: socketAgent,
      failures: ["INTERNAL_ERROR", "INTERNAL_ERROR"],
    });
    test(`${SUITE} over ${transport} end`, () => server.stop());
  }
}
