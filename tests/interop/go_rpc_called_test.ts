// Our clients call servers of Go's gRPC and Connect libraries.
import { test } from "node:test";
import assert from "node:assert/strict";
import {
  collect,
  delay,
  message,
  type RemoteError,
  type StreamingAgent,
  text,
  TimeoutError,
} from "../../mod.ts";
import { type GrpcAgent, grpcAgent } from "../../src/transport/grpc/mod.ts";
import { http2Fetch } from "../../src/transport/http2/mod.ts";
import { rpcAgent } from "../../src/transport/rpc/mod.ts";
import type { ServerPeer } from "./peers.ts";
import { areApart, chunks, NESTED, UNICODE, withTime } from "./scenarios.ts";
import { goRpcServer, Lazy, needs } from "./suite.ts";
import { goRpcPeer } from "./toolchain.ts";

const SUITE = "TypeScript -> gRPC and Connect of Go";
const LARGE = Math.floor(3.9 * 1024 * 1024);
const found = await needs(SUITE, { go: goRpcPeer() });

type Client = StreamingAgent & Partial<Pick<GrpcAgent, "converse" | "close">>;

if (found) {
  const servers = {
    grpc: new Lazy(() => goRpcServer(found.go, "grpc")),
    connect: new Lazy(() => goRpcServer(found.go, "connect")),
    habits: new Lazy(() => goRpcServer(found.go, "grpc", "--habits")),
  };
  const fetch2 = http2Fetch();
  const grpc = (url: string) => grpcAgent(url);
  weCall("gRPC", "grpc-go", servers.grpc, grpc);
  weCall("gRPC, gzip", "grpc-go", servers.grpc, (url) => grpcAgent(url, { compression: true }));
  weCall("gRPC", "connect-go", servers.connect, grpc);
  weCall("Connect over HTTP/1.1", "connect-go", servers.connect, (url) => rpcAgent(url));
  weCall(
    "Connect over HTTP/2, gzip",
    "connect-go",
    servers.connect,
    (url) => rpcAgent(url, { fetch: fetch2, compression: true }),
  );
  weCall(
    "gRPC-Web over HTTP/1.1",
    "connect-go",
    servers.connect,
    (url) => rpcAgent(url, { protocol: "grpc-web" }),
  );
  weCall(
    "gRPC-Web over HTTP/2",
    "connect-go",
    servers.connect,
    (url) => rpcAgent(url, { protocol: "grpc-web", fetch: fetch2 }),
  );
  habits(servers.habits);
  test(`${SUITE} end`, async () => {
    await fetch2.close();
    for (const server of Object.values(servers)) await server.stop();
  });
}

async function caught(promise: Promise<unknown>): Promise<RemoteError> {
  return await promise.then(() => assert.fail("expected a failure"), (error) => error);
}

function weCall(
  protocol: string,
  library: string,
  server: Lazy<ServerPeer>,
  make: (url: string) => Client,
): void {
  const from = `TypeScript ${protocol} -> ${library}:`;
  let made: Client | undefined;
  const client = async () => made ??= make((await server.get()).url);
  const ask = async (content: string, metadata = {}) =>
    await (await client()).process(message("user", content, metadata));

  test(`${from} messages with nested metadata`, async () => {
    const reply = await ask(UNICODE, NESTED);
    assert.equal(text(reply), `Echo: ${UNICODE}`);
    assert.equal(reply.metadata["language"], "go");
    const seen = reply.metadata["original_metadata"] as Record<string, string>;
    assert.deepEqual(JSON.parse(seen["user"]!), NESTED["user"]);
  });

  test(`${from} streams, chunk by chunk and long`, async () => {
    const calls = await client();
    await withTime(60, async (ms) => {
      const at: number[] = [];
      const slow = message("user", "x", { behaviour: "chunks", n: 5, ms });
      for await (const _ of calls.stream(slow)) at.push(performance.now());
      return areApart(at, ms);
    }, "the chunks came at once");
    const long = message("user", "x", { behaviour: "chunks", n: 300 });
    assert.deepEqual((await collect((await client()).stream(long))).map(text), chunks(300));
  });

  test(`${from} failures: answers of that kind, and a status with details`, async () => {
    const failed = await caught(ask("x", { behaviour: "fail", text: "told by Go" }));
    assert.equal(failed.message, "told by Go");
    assert.equal(failed.remoteCode, "AGENT_ERROR");
    const refused = await caught(ask("x", { behaviour: "status" }));
    assert.equal(refused.code, "resource_exhausted");
    assert.equal(refused.message, "refused with details");
    assert.equal(refused.remoteCode, "RATE_LIMITED");
    assert.deepEqual(refused.details, { limit: "3" });
    const seen: string[] = [];
    const midway = await caught((async () => {
      const broken = message("user", "x", { behaviour: "midfail", n: 3 });
      for await (const chunk of (await client()).stream(broken)) seen.push(text(chunk));
    })());
    assert.match(midway.message, /broke on purpose/);
    assert.equal(seen.length, 3);
  });

  test(`${from} deadlines and leaving reach the agent`, async () => {
    const left = async () => JSON.parse(text(await ask("x", { behaviour: "stats" }))).left;
    const untilLeft = async (before: number) => {
      for (let attempt = 0; await left() === before; attempt++) {
        assert.ok(attempt < 200, "the agent did not learn that its caller left");
        await delay(50);
      }
    };
    let before = await left();
    const sleeping = message("user", "x", { behaviour: "sleep", ms: 20_000 });
    const call = { deadline: performance.now() + 400 };
    const late = await caught((await client()).process(sleeping, call));
    assert.ok(late instanceof TimeoutError, Deno.inspect(late));
    await untilLeft(before);
    before = await left();
    const long = message("user", "x", { behaviour: "chunks", n: 1_000, ms: 20 });
    for await (const _ of (await client()).stream(long)) break;
    await untilLeft(before);
    before = await left();
    const aborting = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => aborting.abort(reason), 400);
    const aborted = (await client()).process(sleeping, { signal: aborting.signal });
    assert.equal(await caught(aborted), reason);
    await untilLeft(before);
  });

  test(`${from} 3.9 MiB, and 100 at once`, async () => {
    const large = "x".repeat(LARGE);
    assert.ok(text(await ask(large, { behaviour: "same" })) === large);
    const many = await Promise.all(Array.from({ length: 100 }, (_, index) => ask(`${index}`)));
    assert.deepEqual(many.map(text), Array.from({ length: 100 }, (_, index) => `Echo: ${index}`));
    const tooMuch = await caught(ask("x", { behaviour: "blob", n: 5 * 1024 * 1024 }));
    assert.equal(tooMuch.code, "resource_exhausted");
  });

  test(`${from} conversations, and the end`, async () => {
    const { converse, close } = await client();
    if (/^gRPC(?!-Web)/.test(protocol)) {
      assert.ok(converse !== undefined);
      const said = Array.from({ length: 20 }, (_, index) => message("user", `${index}`));
      const answers = await collect(converse.call(made as GrpcAgent, said));
      assert.deepEqual(answers.map(text), said.map((m) => `Echo: ${text(m)}`));
    }
    close?.call(made as GrpcAgent);
  });
}

/** A server that does as Go's agenkit does where that is odd. */
function habits(server: Lazy<ServerPeer>): void {
  const from = "TypeScript gRPC -> Go agenkit's habits:";
  const withClient = async (use: (client: GrpcAgent) => Promise<void>) => {
    await using client = grpcAgent((await server.get()).url);
    await use(client);
  };

  test(`${from} a year 1, and values that fmt wrote`, () =>
    withClient(async (client) => {
      const reply = await client.process(message("user", "hello", NESTED));
      assert.equal(text(reply), "Echo: hello");
      assert.match(String(reply.metadata["original_metadata"]), /^map\[/);
      assert.doesNotThrow(() => new Date(reply.timestamp).toISOString());
      const json = await client.process(message("user", '{"a":1}'));
      assert.equal(text(json), "Echo: map[a:1]");
    }));

  test(`${from} an error that was lost is an error all the same`, () =>
    withClient(async (client) => {
      const failing = message("user", "x", { behaviour: "fail" });
      const error = await caught(collect(client.stream(failing)));
      assert.equal(error.code, "internal");
    }));

  test(`${from} it has no conversations`, () =>
    withClient(async (client) => {
      const error = await caught(collect(client.converse([message("user", "x")])));
      assert.equal(error.code, "unimplemented");
    }));
}
