// The peers among themselves: what the other suites stand on. The Go stand-in
// must be a peer that the published Python package gets along with, both ways.
import { test } from "node:test";
import assert from "node:assert/strict";
import { curl, goPeer, pythonWithAgenkit, run } from "./toolchain.ts";
import type { ClientPeer, ServerPeer } from "./peers.ts";
import { goClient, goServer, Lazy, needs, pythonClient, pythonServer } from "./suite.ts";

const SUITE = "HTTP peers among themselves";
const found = await needs(SUITE, { python: pythonWithAgenkit(), go: goPeer(), curl: curl() });

if (found) {
  const servers = {
    python: new Lazy(() => pythonServer(found.python)),
    go: new Lazy(() => goServer(found.go)),
  };
  const clients = {
    python: new Lazy(() => pythonClient(found.python)),
    go: new Lazy(() => goClient(found.go)),
  };
  const names = ["python", "go"] as const;

  for (const from of names) {
    for (const to of names) {
      const both = async (): Promise<[ClientPeer, ServerPeer]> => [
        await clients[from].get(),
        await servers[to].get(),
      ];

      test(`${from} -> ${to} echoes with metadata`, async () => {
        const [client, { url }] = await both();
        const metadata = { user: { id: 1, tags: ["a", "b"] } };
        const result = await client.run({
          op: "process",
          url,
          message: { content: "Hello 世界 🌍 \u0085\u2028\u2029", metadata },
        });
        assert.equal(result.error, undefined);
        assert.equal(result.messages[0]?.content, "Echo: Hello 世界 🌍 \u0085\u2028\u2029");
        assert.deepEqual(result.messages[0]?.metadata["original_metadata"], metadata);
        assert.equal(result.messages[0]?.metadata["language"], to);
      });

      test(`${from} -> ${to} streams 10 chunks in order`, async () => {
        const [client, { url }] = await both();
        const metadata = { behaviour: "chunks", n: 10 };
        const result = await client.run({
          op: "stream",
          url,
          message: { content: "go", metadata },
        });
        assert.equal(result.error, undefined);
        assert.deepEqual(
          result.messages.map((m) => m.content),
          Array.from({ length: 10 }, (_, i) => `chunk ${i}`),
        );
      });

      test(`${from} -> ${to} sees a failure and its own timeout`, async () => {
        const [client, { url }] = await both();
        const failed = await client.run({
          op: "process",
          url,
          message: { content: "x", metadata: { behaviour: "fail" } },
        });
        assert.equal(failed.ok, false);
        assert.match(failed.error ?? "", /HTTP error 500/);
        const late = await client.run({
          op: "process",
          url,
          message: { content: "x", metadata: { behaviour: "sleep", ms: 20_000 } },
          timeout_ms: 200,
        });
        assert.equal(late.ok, false);
        assert.ok(late.elapsed_ms < 10_000, `${late.elapsed_ms} ms`);
      });
    }
  }

  test("python -> go: an answer with null metadata and year 1 is read", async () => {
    const { url } = await servers.go.get();
    const result = await (await clients.python.get()).run({
      op: "process",
      url,
      message: { content: "x", metadata: { behaviour: "bare" } },
    });
    assert.deepEqual(result.messages[0]?.metadata, {});
    assert.match(result.messages[0]?.timestamp ?? "", /^0001-01-01T00:00:00/);
  });

  test("go -> go: an answer with null metadata is a panic of the client", async () => {
    const { url } = await servers.go.get();
    const result = await (await clients.go.get()).run({
      op: "process",
      url,
      message: { content: "x", metadata: { behaviour: "bare" } },
    });
    assert.equal(result.error_type, "Panic");
  });

  test("python -> go: an object as content kills the connection", async () => {
    const { url } = await servers.go.get();
    const result = await (await clients.python.get()).run({
      op: "process",
      url,
      message: { content: { a: 1 } },
    });
    assert.equal(result.ok, false);
    assert.match(result.error ?? "", /disconnected|closed|reset/i);
  });

  test("go -> go: a unary call after a stream on one client fails", async () => {
    const { url } = await servers.go.get();
    const result = await (await clients.go.get()).run({
      op: "stream",
      url,
      reuse: true,
      message: { content: "x", metadata: { behaviour: "chunks", n: 1 } },
    });
    assert.equal(result.messages.length, 1);
    // Whichever it notices first: that the stream has ended, or that its context has.
    assert.match(result.error ?? "", /stream ended|read SSE event: context canceled/);
  });

  for (const to of names) {
    test(`curl -> ${to} gets an envelope, and an error for a broken one`, async () => {
      const { url } = await servers[to].get();
      const post = (path: string, body: unknown) =>
        run(found.curl, [
          "-sS",
          "-w",
          "\n%{http_code}",
          "--data",
          JSON.stringify(body),
          url + path,
        ]);
      const timestamp = "2025-11-13T08:30:00.000Z";
      const envelope = (message: unknown) => ({
        version: "1.0",
        type: "request",
        id: "curl-1",
        timestamp,
        payload: { method: "process", message },
      });
      const message = { role: "user", content: "hi", metadata: {}, timestamp };
      const answered = await post("/process", envelope(message));
      assert.match(answered.stdout, /"id": ?"curl-1"/);
      assert.match(answered.stdout, /Echo: hi/);
      assert.match(answered.stdout, /\n200$/);
      assert.match((await post("/process", envelope(null))).stdout, /INVALID_MESSAGE[^]*\n400$/);
      const missing = await post("/nowhere", {});
      assert.match(missing.stdout, /\n404$/);
    });

    test(`${to} comes back on its port after a restart`, async () => {
      const server = await servers[to].get();
      await server.restart();
      const answered = await run(found.curl, [
        "-sS",
        "-o",
        "-",
        "-w",
        "%{http_code}",
        `${server.url}/health`,
      ]);
      assert.match(answered.stdout, /200$/);
    });
  }

  test(`${SUITE} end`, async () => {
    for (const peer of [...Object.values(servers), ...Object.values(clients)]) await peer.stop();
  });
}
