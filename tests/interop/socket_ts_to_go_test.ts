// Our client against the Go stand-in's servers at TCP and Unix sockets.
import { test } from "node:test";
import assert from "node:assert/strict";
import { collect, message, text } from "../../mod.ts";
import { socketAgent } from "../../src/transport/socket/mod.ts";
import { weCallOverChannels } from "./channel_we_call.ts";
import { goSocketServer, SOCKETS } from "./socket_suite.ts";
import { Lazy, needs } from "./suite.ts";
import { goPeer } from "./toolchain.ts";

const SUITE = "sockets TypeScript -> Go";
const found = await needs(SUITE, { go: goPeer() });

if (found) {
  for (const transport of SOCKETS) {
    const server = new Lazy(() => goSocketServer(found.go, transport));
    weCallOverChannels({
      language: "go",
      transport,
      server,
      connect: socketAgent,
      failures: ["AGENT_ERROR", "STREAM_ERROR"],
    });

    test(`TypeScript -> go over ${transport}: what is no text never reaches it as something else`, async () => {
      // Anything but a string would end the process of the peer.
      await using agent = socketAgent((await server.get()).url);
      for (const value of [{ a: [1, "x"] }, [1], 42, true, null]) {
        const reply = await agent.process(message("user", value, { behaviour: "same" }));
        assert.equal(reply.content, JSON.stringify(value));
      }
    });

    test(`${SUITE} over ${transport} end`, () => server.stop());
  }

  test("TypeScript -> go over tcp: an agent that cannot stream", async () => {
    await using peer = await goSocketServer(found.go, "tcp", "-unary");
    await using agent = socketAgent(peer.url);
    await assert.rejects(collect(agent.stream(message("user", "x"))), { code: "unimplemented" });
    assert.equal(text(await agent.process(message("user", "x"))), "Echo: x");
  });
}
