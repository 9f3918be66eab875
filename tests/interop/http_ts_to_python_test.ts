// Our client against a server of the published Python agenkit.
import { test } from "node:test";
import assert from "node:assert/strict";
import { AgenkitError, collect, message, RemoteError, text } from "../../mod.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import { pythonWithAgenkit } from "./toolchain.ts";
import { Lazy, needs, pythonServer } from "./suite.ts";
import { weCall } from "./we_call.ts";

const SUITE = "HTTP TypeScript -> Python";
const found = await needs(SUITE, { python: pythonWithAgenkit() });

if (found) {
  const server = new Lazy(() => pythonServer(found.python));
  const unary = new Lazy(() => pythonServer(found.python, "--agent", "unary"));
  const duck = new Lazy(() => pythonServer(found.python, "--agent", "duck"));

  weCall({
    language: "python",
    server,
    // The published package says nothing of what went wrong.
    failure: /An error occurred while processing your request/,
    // Its server lets the agent run on, and only learns of it when it writes.
    noticesLeaving: false,
  });

  test("TypeScript -> python: an answer whose time has no zone is taken as UTC", async () => {
    const agent = httpAgent((await server.get()).url);
    const reply = await agent.process(message("user", "x", { behaviour: "bare" }));
    assert.equal(text(reply), "bare");
    assert.deepEqual(reply.metadata, {});
    assert.equal(reply.timestamp, "2025-11-13T08:30:00.000Z");
  });

  test("TypeScript -> python: content of every JSON type, both ways", async () => {
    const { url } = await server.get();
    const asText = httpAgent(url);
    const asJson = httpAgent(url, { content: "json" });
    for (const value of [{ a: [1, { b: null }] }, [1, "x"], 42, 0.5, true, null, "text"]) {
      const typed = await asText.process(message("user", "x", { behaviour: "typed", value }));
      assert.deepEqual(typed.content, value);
      const request = message("user", value, { behaviour: "same" });
      assert.deepEqual((await asJson.process(request)).content, value);
      const written = typeof value === "string" ? value : JSON.stringify(value);
      assert.equal((await asText.process(request)).content, written);
    }
  });

  test("TypeScript -> python: a NaN in the answer is an error that says so", async () => {
    const agent = httpAgent((await server.get()).url);
    await assert.rejects(
      agent.process(message("user", "x", { behaviour: "nan" })),
      (error) => error instanceof AgenkitError && /JSON/.test(error.message),
    );
    assert.equal(text(await agent.process(message("user", "next"))), "Echo: next");
  });

  test("TypeScript -> python: an agent without a stream of its own fails in the stream", async () => {
    const agent = httpAgent((await unary.get()).url);
    await assert.rejects(
      collect(agent.stream!(message("user", "x"))),
      (error) => error instanceof RemoteError && error.remoteCode === "STREAM_ERROR",
    );
  });

  test("TypeScript -> python: an agent without any stream is unimplemented", async () => {
    const agent = httpAgent((await duck.get()).url);
    assert.equal(text(await agent.process(message("user", "x"))), "Echo: x");
    await assert.rejects(collect(agent.stream!(message("user", "x"))), { code: "unimplemented" });
  });

  test(`${SUITE} end`, async () => {
    for (const peer of [server, unary, duck]) await peer.stop();
  });
}
