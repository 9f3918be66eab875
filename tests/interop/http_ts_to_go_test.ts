// Our client against the Go stand-in as a server.
import { test } from "node:test";
import assert from "node:assert/strict";
import { collect, delay, message, text } from "../../mod.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import { goPeer } from "./toolchain.ts";
import { goServer, Lazy, needs } from "./suite.ts";
import { weCall } from "./we_call.ts";

const SUITE = "HTTP TypeScript -> Go";
const found = await needs(SUITE, { go: goPeer() });

if (found) {
  const server = new Lazy(() => goServer(found.go));
  const unary = new Lazy(() => goServer(found.go, "-unary"));

  weCall({ language: "go", server, failure: /no such patient/, noticesLeaving: true });

  test("TypeScript -> go: null metadata and year 1 in the answer", async () => {
    const agent = httpAgent((await server.get()).url);
    const reply = await agent.process(message("user", "x", { behaviour: "bare" }));
    assert.equal(text(reply), "bare");
    assert.deepEqual(reply.metadata, {});
    assert.match(reply.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const [chunk] = await collect(agent.stream!(message("user", "x", { behaviour: "bare" })));
    assert.deepEqual(chunk?.metadata, {});
  });

  test("TypeScript -> go: times with 0 to 9 digits of fraction", async () => {
    const agent = httpAgent((await server.get()).url);
    for (
      const [nanos, expected] of [
        [0, "000"],
        [100_000_000, "100"],
        [120_000_000, "120"],
        [123_000_000, "123"],
        [123_456_000, "123"],
        [123_456_789, "123"],
        [9, "000"],
      ] as const
    ) {
      const reply = await agent.process(message("user", "x", { behaviour: "stamp", nanos }));
      assert.equal(reply.timestamp, `2025-11-13T08:30:00.${expected}Z`);
    }
  });

  test("TypeScript -> go: content that is no string arrives as its JSON text", async () => {
    const agent = httpAgent((await server.get()).url);
    for (const value of [{ a: [1, "x"] }, [1], 42, true, null]) {
      const reply = await agent.process(message("user", value, { behaviour: "same" }));
      assert.equal(reply.content, JSON.stringify(value));
    }
  });

  test("TypeScript -> go: an agent that cannot stream, answered under the id 'unknown'", async () => {
    const agent = httpAgent((await unary.get()).url);
    assert.equal(text(await agent.process(message("user", "x"))), "Echo: x");
    await assert.rejects(collect(agent.stream!(message("user", "x"))), { code: "unimplemented" });
  });

  test("TypeScript -> go: a slow reader slows the agent down", async () => {
    const agent = httpAgent((await server.get()).url);
    const stats = async (): Promise<Record<string, number>> =>
      JSON.parse(text(await agent.process(message("user", "x", { behaviour: "stats" }))));
    const before = await stats();
    // 200 MB are offered.
    const wide = message("user", "x", { behaviour: "chunks", n: 2_000, text: "x".repeat(100_000) });
    let read = 0;
    for await (const _ of agent.stream!(wide)) {
      await delay(50);
      if (++read === 10) break;
    }
    const sent = (await stats())["chunks"]! - before["chunks"]!;
    assert.ok(sent < 400, `${sent} chunks were sent`);
  });

  test("TypeScript -> go: 1,000 chunks", async () => {
    const agent = httpAgent((await server.get()).url);
    const got = await collect(
      agent.stream!(message("user", "x", { behaviour: "chunks", n: 1_000 })),
    );
    assert.equal(got.length, 1_000);
  });

  test(`${SUITE} end`, async () => {
    for (const peer of [server, unary]) await peer.stop();
  });
}
