// Go's gRPC and Connect libraries call our server, at its one port, on all runtimes.
import { test } from "node:test";
import assert from "node:assert/strict";
import type { Json, JsonObject } from "../../mod.ts";
import type { Stats } from "./agents.ts";
import type { Case, ClientPeer, Result, ServerPeer } from "./peers.ts";
import { areApart, chunks, NESTED, UNICODE, withTime } from "./scenarios.ts";
import { goRpcClient, Lazy, needs, ourServer } from "./suite.ts";
import { goRpcPeer, named } from "./toolchain.ts";

const SUITE = "gRPC and Connect of Go -> TypeScript";
/** What is spoken by whom; `-h2` is prior-knowledge HTTP/2, without it HTTP/1.1. */
const PROTOCOLS = {
  "grpc": "grpc-go",
  "grpc-gzip": "grpc-go",
  "connect-grpc-h2": "connect-go",
  "connect": "connect-go",
  "connect-json": "connect-go",
  "connect-gzip": "connect-go",
  "connect-h2": "connect-go",
  "grpc-web": "connect-go",
  "grpc-web-h2": "connect-go",
} as const;
const LARGE = Math.floor(3.9 * 1024 * 1024);

const found = await needs(SUITE, {
  go: goRpcPeer(),
  node: named("AGENKIT_TEST_NODE"),
  bun: named("AGENKIT_TEST_BUN"),
});
if (found) {
  const client = new Lazy(() => goRpcClient(found.go, "rpc-client"));
  const programs = [["Deno", Deno.execPath()], ["Node", found.node], ["Bun", found.bun]] as const;
  for (const [runtime, program] of programs) {
    const server = new Lazy(() => ourServer(runtime, program, "--grpc-shared"));
    for (const protocol of Object.keys(PROTOCOLS)) theyCall(runtime, protocol, client, server);
    services(runtime, client, server);
    habits(runtime, client, server);
    test(`${SUITE} on ${runtime} end`, () => server.stop());
  }
  test(`${SUITE} end`, () => client.stop());
}

type Run = (testCase: Omit<Case, "url" | "protocol">) => Promise<Result>;

function runner(protocol: string, client: Lazy<ClientPeer>, server: Lazy<ServerPeer>): Run {
  return async (testCase) => {
    const url = `http://127.0.0.1:${(await server.get()).port}`;
    return await (await client.get()).run({ ...testCase, protocol, url });
  };
}

function succeeded(result: Result): Result {
  assert.equal(result.error, undefined);
  return result;
}

function theyCall(
  runtime: string,
  protocol: string,
  client: Lazy<ClientPeer>,
  server: Lazy<ServerPeer>,
): void {
  const from = `Go ${protocol} -> ${runtime}:`;
  const run = runner(protocol, client, server);
  const process = (content: Json, metadata: JsonObject = {}, more: Partial<Case> = {}) =>
    run({ op: "process", message: { content, metadata }, ...more });
  const stats = async (): Promise<Stats> =>
    JSON.parse(
      succeeded(await process("x", { behaviour: "stats" })).messages[0]!.content as string,
    );
  const untilLeft = async (before: Stats) => {
    for (let attempt = 0; (await stats()).left === before.left; attempt++) {
      assert.ok(attempt < 200, "the agent did not learn that its caller left");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  test(`${from} messages with nested metadata, and values as content`, async () => {
    const [reply] = succeeded(await process(UNICODE, NESTED)).messages;
    assert.equal(reply?.content, `Echo: ${UNICODE}`);
    assert.deepEqual(reply?.metadata["original_metadata"], NESTED);
    const [same] = succeeded(await process({ a: [1, null] }, { behaviour: "same" })).messages;
    assert.deepEqual(same?.content, { a: [1, null] });
    const [text] = succeeded(await process('{"a": 1}', { behaviour: "same" })).messages;
    assert.equal(text?.content, '{"a": 1}');
  });

  test(`${from} streams, chunk by chunk and long`, async () => {
    await withTime(60, async (ms) => {
      const metadata = { behaviour: "chunks", n: 5, ms };
      const slow = succeeded(await run({ op: "stream", message: { content: "x", metadata } }));
      return areApart(slow.arrivals_ms, ms);
    }, "the chunks came at once");
    const long = succeeded(
      await run({
        op: "stream",
        message: { content: "x", metadata: { behaviour: "chunks", n: 300 } },
      }),
    );
    assert.deepEqual(long.messages.map(({ content }) => content), chunks(300));
  });

  test(`${from} failures as answers, and as a status with details`, async () => {
    const message = { content: "x", metadata: { behaviour: "fail", text: "told to Go" } };
    assert.match((await run({ op: "process", message })).error ?? "", /^AGENT_ERROR: told to Go/);
    assert.match((await run({ op: "stream", message })).error ?? "", /^AGENT_ERROR: told to Go/);
    for (const op of ["process", "stream"] as const) {
      const { error, error_type, details } = await run({ op, message, errors: "status" });
      assert.match(error ?? "", /told to Go/);
      assert.equal(error_type, "unknown");
      assert.equal(details?.["message"], "told to Go");
    }
    const metadata = { behaviour: "midfail", n: 3 };
    const midway = await run({ op: "stream", message: { content: "x", metadata } });
    assert.equal(midway.messages.length, 3);
    assert.match(midway.error ?? "", /broke on purpose/);
  });

  test(`${from} deadlines and leaving end the agent`, async () => {
    let before = await stats();
    const late = await process("x", { behaviour: "sleep", ms: 20_000 }, { timeout_ms: 400 });
    assert.equal(late.error_type, "deadline_exceeded");
    await untilLeft(before);
    before = await stats();
    const metadata = { behaviour: "chunks", n: 1_000, ms: 20 };
    const left = await run({ op: "stream", message: { content: "x", metadata }, leave_after: 2 });
    assert.equal(left.messages.length, 2);
    await untilLeft(before);
  });

  test(`${from} 3.9 MiB, and 100 at once`, async () => {
    const text = "x".repeat(LARGE);
    const [same] = succeeded(await process(text, { behaviour: "same" })).messages;
    assert.ok(same?.content === text, "the text came back changed");
    const many = succeeded(await process("x", {}, { concurrent: 100 }));
    assert.deepEqual(
      many.messages.map(({ content }) => content),
      Array.from({ length: 100 }, (_, index) => `Echo: x #${index}`),
    );
    const tooMuch = await process("x".repeat(5 * 1024 * 1024), { behaviour: "length" });
    assert.equal(tooMuch.error_type, "resource_exhausted");
  });

  if (/^grpc(?:-gzip)?$|-h2$/.test(protocol)) {
    test(`${from} conversations over one RPC, in order`, async () => {
      const { messages } = succeeded(
        await run({ op: "bidi", message: { content: "x" }, count: 20 }),
      );
      assert.deepEqual(
        messages.map(({ content }) => content),
        Array.from({ length: 20 }, (_, index) => `Echo: x #${index}`),
      );
    });
  }
}

function services(runtime: string, client: Lazy<ClientPeer>, server: Lazy<ServerPeer>): void {
  const run = runner("grpc", client, server);
  test(`Go grpc -> ${runtime}: health and reflection`, async () => {
    for (const name of ["", "agenkit.AgentService"]) {
      assert.equal(succeeded(await run({ op: "health", name })).messages[0]?.content, "SERVING");
    }
    assert.equal((await run({ op: "health", name: "other" })).error_type, "not_found");
    const [listed] = succeeded(await run({ op: "reflection" })).messages;
    const names = listed?.content as string[];
    for (const name of ["agenkit.AgentService", "grpc.health.v1.Health"]) {
      assert.ok(names.includes(name), `${name} is not among ${names}`);
    }
    assert.ok((listed?.metadata["files"] as number) >= 1);
  });
}

/** A client that does as Go's agenkit does where that is odd. */
function habits(runtime: string, client: Lazy<ClientPeer>, server: Lazy<ServerPeer>): void {
  const run = runner("grpc", client, server);
  const from = `Go agenkit's habits -> ${runtime}:`;

  test(`${from} metadata is what fmt makes of it, and a trace is read all the same`, async () => {
    const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const metadata = { user: { id: 7 }, on: true, trace_context: trace };
    const message = { content: "hello", metadata };
    const [reply] = succeeded(await run({ op: "process", message, habits: true })).messages;
    assert.equal(reply?.content, "Echo: hello");
    const seen = JSON.parse(reply?.metadata["original_metadata"] as string);
    assert.deepEqual(seen, { user: "map[id:7]", on: "true", trace_context: trace });
  });

  test(`${from} text that looks like JSON stays text here, and is none to Go's agenkit`, async () => {
    const metadata = { behaviour: "same" };
    const message = { content: '{"a": 1}', metadata };
    const there = succeeded(await run({ op: "process", message })).messages[0];
    assert.equal(there?.content, '{"a": 1}');
    assert.match((await run({ op: "process", message, habits: true })).error ?? "", /^panic/);
  });

  test(`${from} streams of fewer and of more than 100 chunks`, async () => {
    for (const n of [99, 150]) {
      const message = { content: "x", metadata: { behaviour: "chunks", n } };
      const { messages } = succeeded(await run({ op: "stream", message, habits: true }));
      assert.equal(messages.length, n);
    }
  });
}
