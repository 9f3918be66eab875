// The gRPC client of the published Python agenkit against our gRPC server: rows
// 19 to 30 of the peers' own tests between languages, and what those leave out.
// That client compresses every request with gzip.
import { test } from "node:test";
import assert from "node:assert/strict";
import { delay, type Json, type JsonObject } from "../../mod.ts";
import type { Stats } from "./agents.ts";
import { grpcUrl, ourGrpcServer } from "./grpc_peers.ts";
import type { Case, Result } from "./peers.ts";
import { chunks, freePort, NESTED, SEPARATORS, UNICODE } from "./scenarios.ts";
import { Lazy, needs, pythonClient } from "./suite.ts";
import { pythonWithAgenkit } from "./toolchain.ts";

const SUITE = "gRPC Python -> TypeScript";
const found = await needs(SUITE, { python: pythonWithAgenkit() });

if (found) {
  const client = new Lazy(() => pythonClient(found.python));
  const programs: readonly (readonly [string, string | undefined])[] = [
    ["Deno", Deno.execPath()],
    ["Node", Deno.env.get("AGENKIT_TEST_NODE")],
    ["Bun", Deno.env.get("AGENKIT_TEST_BUN")],
  ];
  for (const [runtime, program] of programs) {
    if (program === undefined) {
      test(`${SUITE} on ${runtime} skipped: no program`, { skip: "no program" }, () => {});
    } else theyCall(runtime, program, client);
  }
  test(`${SUITE} end`, () => client.stop());
}

function theyCall(
  runtime: string,
  program: string,
  client: Lazy<Awaited<ReturnType<typeof pythonClient>>>,
): void {
  const server = new Lazy(() => ourGrpcServer(runtime, program));
  const from = `python -> TypeScript on ${runtime} over gRPC:`;
  const run = async (testCase: Omit<Case, "url">): Promise<Result> =>
    await (await client.get()).run({ ...testCase, url: grpcUrl(await server.get()) });
  const process = (content: Json, metadata: JsonObject = {}, more: Partial<Case> = {}) =>
    run({ op: "process", message: { content, metadata }, ...more });
  const stream = (metadata: JsonObject, more: Partial<Case> = {}) =>
    run({ op: "stream", message: { content: "x", metadata }, ...more });
  const succeeded = (result: Result): Result => {
    assert.equal(result.error, undefined);
    assert.equal(result.ok, true);
    return result;
  };
  const stats = async (): Promise<Stats> => {
    const [reply] = succeeded(await process("x", { behaviour: "stats" })).messages;
    // Python takes JSON text for what it says.
    return reply!.content as unknown as Stats;
  };

  test(`${from} rows 19 and 24, a basic message`, async () => {
    const [reply] = succeeded(await process("Hello")).messages;
    assert.equal(reply?.role, "agent");
    assert.equal(reply?.content, "Echo: Hello");
    assert.equal(reply?.metadata.language, "typescript");
    assert.equal(reply?.metadata.original_content, "Hello");
    assert.match(reply?.timestamp ?? "", /^20\d\d-/);
  });

  test(`${from} rows 20 and 25, nested metadata arrives as text`, async () => {
    const [reply] = succeeded(await process("Hello", NESTED)).messages;
    const seen = JSON.parse(reply?.metadata.original_metadata as string);
    assert.equal(seen.user, "{'id': 7, 'name': 'Zoë', 'tags': ['a', 'b', ['c', {'d': None}]]}");
    assert.equal(seen.ratio, "0.25");
    assert.equal(seen.empty, "[]");
  });

  for (const content of [UNICODE, SEPARATORS, "", "not json {"]) {
    test(`${from} rows 21 and 26, ${JSON.stringify(content).slice(0, 30)}`, async () => {
      const [reply] = succeeded(await process(content)).messages;
      assert.equal(reply?.content, `Echo: ${content}`);
    });
  }

  test(`${from} rows 22 and 27, a message of 1 MiB`, async () => {
    const [reply] = succeeded(await process("x".repeat(1 << 20))).messages;
    assert.equal((reply?.content as string).length, (1 << 20) + "Echo: ".length);
    assert.equal((reply?.metadata.original_content as string).length, 1 << 20);
  });

  test(`${from} row 23, 5 calls in order; row 29, 10 on one agent`, async () => {
    const { messages } = succeeded(await process("m", {}, { repeat: 10 }));
    assert.deepEqual(messages.map((m) => m.content), chunks(10, "Echo: m").map(hash));
  });

  test(`${from} row 28, 10 agents at once`, async () => {
    const { messages } = succeeded(await process("m", {}, { concurrent: 10 }));
    assert.deepEqual(messages.map((m) => m.content), chunks(10, "Echo: m").map(hash));
  });

  test(`${from} row 30, nobody listens`, async () => {
    const url = `grpc://127.0.0.1:${await freePort()}`;
    const result = await (await client.get()).run({
      op: "process",
      url,
      message: { content: "x" },
    });
    assert.equal(result.ok, false);
  });

  for (const count of [0, 1, 10, 500]) {
    test(`${from} a stream of ${count} chunks in order`, async () => {
      const { messages } = succeeded(await stream({ behaviour: "chunks", n: count }));
      assert.deepEqual(messages.map((m) => m.content), chunks(count));
      assert.deepEqual(messages.map((m) => m.metadata.index), chunks(count).map((_, i) => `${i}`));
    });
  }

  test(`${from} the agent fails, and says why`, async () => {
    const wish = { behaviour: "fail", text: "no such patient" };
    for (const result of [await process("x", wish), await stream(wish)]) {
      assert.equal(result.ok, false);
      assert.match(result.error ?? "", /no such patient/);
    }
  });

  test(`${from} an error in the middle of a stream comes after its chunks`, async () => {
    const result = await stream({ behaviour: "midfail", n: 3 });
    assert.deepEqual(result.messages.map((m) => m.content), chunks(3));
    assert.match(result.error ?? "", /the stream broke on purpose/);
  });

  test(`${from} an agent that cannot stream fails in the stream`, async () => {
    const result = await stream({}, { name: "unary" });
    assert.equal(result.ok, false);
    assert.match(result.error ?? "", /does not stream|cannot stream|stream/);
  });

  test(`${from} content that is no string comes back as Python reads its JSON text`, async () => {
    for (const value of [{ a: [1, { b: null }] }, [1, "x"], 42, 0.5, true, null]) {
      const [reply] = succeeded(await process(value, { behaviour: "same" })).messages;
      assert.deepEqual(reply?.content, value);
    }
  });

  test(`${from} a trace is read, though Python made a text of it`, async () => {
    const trace = {
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      tracestate: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    };
    const [reply] = succeeded(await process("x", { trace_context: trace })).messages;
    const seen = JSON.parse(reply?.metadata.original_metadata as string);
    assert.deepEqual(seen.trace_context, trace);
  });

  test(`${from} a caller whose time is up leaves, and the agent notices`, async () => {
    const before = await stats();
    const result = await process("x", { behaviour: "sleep", ms: 20_000 }, { timeout_ms: 800 });
    assert.equal(result.ok, false);
    for (let i = 0; i < 200 && (await stats()).left === before.left; i++) await delay(50);
    assert.equal((await stats()).left, before.left + 1);
  });

  test(`${from} what is larger than 4 MiB is refused`, async () => {
    const result = await process("x".repeat(5 << 20));
    assert.equal(result.ok, false);
    assert.equal(succeeded(await process("next")).messages[0]?.content, "Echo: next");
  });

  test(`${from} a server that drains lets a call end`, async () => {
    const peer = await server.get();
    const call = process("x", { behaviour: "sleep", ms: 2_000 });
    await delay(1_000);
    await peer.terminate();
    assert.equal(succeeded(await call).messages[0]?.content, "Echo: x");
  });

  test(`${from} end`, () => server.stop());
}

/** The label of a repeated content: `m 3` was sent as `m #3`. */
function hash(label: string): string {
  return label.replace(/ (\d+)$/, " #$1");
}
