// The peers' clients against our servers at sockets on Node and on Bun, where these are named, and
// our clients there against the peers' servers.
import { test } from "node:test";
import assert from "node:assert/strict";
import type { JsonObject } from "../../mod.ts";
import { theyCallOverChannels } from "./channel_they_call.ts";
import type { Case } from "./peers.ts";
import { chunks, MEGABYTE, SEPARATORS, UNICODE } from "./scenarios.ts";
import { goSocketServer, ourSocketServer, pythonSocketServer, SOCKETS } from "./socket_suite.ts";
import { goClient, Lazy, needs, ourClient, pythonClient } from "./suite.ts";
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
  const client = new Lazy(() => ourClient(runtime, found[runtime]));
  for (const transport of SOCKETS) {
    const servers = {
      python: () => pythonSocketServer(found["python"]!, transport),
      go: () => goSocketServer(found["go"]!, transport),
    };
    for (const [language, start] of Object.entries(servers)) {
      test(`TypeScript on ${runtime} -> ${language} over ${transport}: unary, streamed, 50 at once, failures, timeouts, 9 MB`, async () => {
        await using server = await start();
        const ours = await client.get();
        const run = (content: string, metadata: JsonObject = {}, more: Partial<Case> = {}) =>
          ours.run({
            op: "process",
            protocol: "socket",
            url: server.url,
            message: { content, metadata },
            ...more,
          });
        for (const content of [UNICODE, SEPARATORS]) {
          const { messages: [reply], error } = await run(content);
          assert.equal(reply?.content, `Echo: ${content}`, error);
        }
        const streamed = await run("x", { behaviour: "chunks", n: 500 }, { op: "stream" });
        assert.deepEqual(streamed.messages.map((m) => m.content), chunks(500));
        const { messages } = await run("m", {}, { concurrent: 50 });
        assert.deepEqual(messages.map((m) => m.content), chunks(50, "Echo: m").map(numbered));
        const failed = await run("x", { behaviour: "fail", text: "no such patient" });
        assert.match(failed.error ?? "", /no such patient/);
        const broken = await run("x", { behaviour: "midfail", n: 3 }, { op: "stream" });
        assert.equal(broken.ok, false);
        assert.deepEqual(broken.messages.map((m) => m.content), chunks(3));
        const late = await run("x", { behaviour: "sleep", ms: 1_000 }, { timeout_ms: 200 });
        assert.equal(late.error_type, "deadline_exceeded");
        const large = await run("x".repeat(9 * MEGABYTE), { behaviour: "same" });
        assert.equal((large.messages[0]?.content as string).length, 9 * MEGABYTE);
      });
    }
  }

  test(`${suite} end`, async () => {
    for (const peer of [python, go, client]) await peer.stop();
  });
}

/** `m 3` as clients number their contents: `m #3`. */
function numbered(content: string): string {
  return content.replace(/ (\d+)$/, " #$1");
}
