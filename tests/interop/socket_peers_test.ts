// The peers over TCP and Unix sockets among themselves, so that the Go stand-in is one the real Python gets along with.
import { test } from "node:test";
import assert from "node:assert/strict";
import { connect } from "node:net";
import { message, text } from "../../mod.ts";
import { writeFrame } from "../../src/protocol/frame.ts";
import { socketAgent } from "../../src/transport/socket/mod.ts";
import { rawEnvelope, UNICODE } from "./scenarios.ts";
import { goSocketServer, pythonSocketServer, SOCKETS } from "./socket_suite.ts";
import { goClient, Lazy, needs, pythonClient } from "./suite.ts";
import { goPeer, pythonWithAgenkit } from "./toolchain.ts";

const SUITE = "sockets peers";
const found = await needs(SUITE, { python: pythonWithAgenkit(), go: goPeer() });

if (found) {
  const clients = {
    python: new Lazy(() => pythonClient(found.python)),
    go: new Lazy(() => goClient(found.go)),
  };
  for (const transport of SOCKETS) {
    for (const [from, to] of [["python", "go"], ["go", "python"]] as const) {
      test(`${from} -> ${to} over ${transport}: unary, streamed, and a failure`, async () => {
        await using server = await (to === "go"
          ? goSocketServer(found.go, transport)
          : pythonSocketServer(found.python, transport));
        const client = await clients[from].get();
        const { url } = server;
        const unary = await client.run({ op: "process", url, message: { content: UNICODE } });
        assert.equal(unary.messages[0]?.content, `Echo: ${UNICODE}`, unary.error);
        const metadata = { behaviour: "chunks", n: 3 };
        const streamed = await client.run({
          op: "stream",
          url,
          message: { content: "", metadata },
        });
        assert.equal(streamed.messages.length, 3, streamed.error);
        const fail = { content: "", metadata: { behaviour: "fail", text: "no such patient" } };
        const failed = await client.run({ op: "process", url, message: fail });
        assert.match(failed.error ?? "", /no such patient/);
      });
    }
  }

  test("a message with null metadata ends a Go server, and our client goes on after its return", async () => {
    await using server = await goSocketServer(found.go, "tcp");
    await using agent = socketAgent(server.url);
    await agent.process(message("user", "x"));
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const sent = { role: "user", content: "x", metadata: null, timestamp: "2025-11-13T08:30:00Z" };
    const { payload, ...envelope } = rawEnvelope(sent);
    const request = { ...envelope, payload: { ...payload as object, method: "process" } };
    socket.write(writeFrame(JSON.stringify(request)));
    socket.resume();
    await closed;
    await assert.rejects(agent.process(message("user", "x")), { code: "unavailable" });
    await server.restart();
    assert.equal(text(await agent.process(message("user", "back"))), "Echo: back");
  });

  test(`${SUITE} end`, async () => {
    for (const client of Object.values(clients)) await client.stop();
  });
}
