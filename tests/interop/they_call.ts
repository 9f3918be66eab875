/**
 * A peer's client against our server: the rows of the peers' own HTTP tests
 * between languages, 1 to 18, and what those leave out.
 *
 * @module
 */
import { test } from "node:test";
import assert from "node:assert/strict";
import { delay, type Json, type JsonObject } from "../../mod.ts";
import type { Stats } from "./agents.ts";
import type { Case, ClientPeer, Result, ServerPeer } from "./peers.ts";
import type { Lazy } from "./suite.ts";
import {
  areApart,
  chunks,
  freePort,
  type Loose,
  MEGABYTE,
  NESTED,
  rawEnvelope,
  SEPARATORS,
  UNICODE,
  withTime,
} from "./scenarios.ts";

/** What differs between the peers that call us. */
export interface Caller {
  readonly language: "python" | "go";
  readonly client: Lazy<ClientPeer>;
  readonly server: Lazy<ServerPeer>;
  /** What our server runs on. */
  readonly runtime: string;
  /** Whether it hands on chunks as they arrive. */
  readonly incremental: boolean;
}

/** Registers the tests of one peer's client against our server. */
export function theyCall({ language, client, server, runtime, incremental }: Caller): void {
  const from = `${language} -> TypeScript on ${runtime}:`;
  const run = async (testCase: Omit<Case, "url">, path = ""): Promise<Result> => {
    const { url } = await server.get();
    return await (await client.get()).run({ ...testCase, url: url + path });
  };
  const process = (content: Json, metadata: JsonObject = {}, more: Partial<Case> = {}) =>
    run({ op: "process", message: { content, metadata }, ...more });
  const stream = (metadata: JsonObject, content: Json = "x", more: Partial<Case> = {}) =>
    run({ op: "stream", message: { content, metadata }, ...more });
  const succeeded = (result: Result): Result => {
    assert.equal(result.error, undefined);
    assert.equal(result.ok, true);
    return result;
  };
  const stats = async (): Promise<Stats> => {
    const [reply] = succeeded(await process("x", { behaviour: "stats" })).messages;
    return JSON.parse(reply!.content as string);
  };
  const raw = async (body: Json, more: Partial<Case> = {}) =>
    succeeded(await run({ op: "http", body, ...more }, "/process")).responses;

  test(`${from} row 1, a basic message`, async () => {
    const [reply] = succeeded(await process("Hello")).messages;
    assert.equal(reply?.role, "agent");
    assert.equal(reply?.content, "Echo: Hello");
    assert.equal(reply?.metadata["language"], "typescript");
    assert.equal(reply?.metadata["original_content"], "Hello");
    assert.match(reply?.timestamp ?? "", /^20\d\d-/);
  });

  test(`${from} row 2, nested metadata with lists`, async () => {
    const [reply] = succeeded(await process("Hello", NESTED)).messages;
    assert.deepEqual(reply?.metadata["original_metadata"], NESTED);
  });

  test(`${from} row 3, Unicode content`, async () => {
    const [reply] = succeeded(await process(UNICODE)).messages;
    assert.equal(reply?.content, `Echo: ${UNICODE}`);
    assert.equal(reply?.metadata["original_content"], UNICODE);
  });

  test(`${from} row 4, empty content`, async () => {
    const [reply] = succeeded(await process("")).messages;
    assert.equal(reply?.content, "Echo: ");
    assert.equal(reply?.metadata["original_content"], "");
  });

  test(`${from} row 5, a message of 1 MiB`, async () => {
    const [reply] = succeeded(await process("x".repeat(1 << 20))).messages;
    assert.equal((reply?.content as string).length, (1 << 20) + "Echo: ".length);
    assert.equal((reply?.metadata["original_content"] as string).length, 1 << 20);
  });

  test(`${from} row 6, the health check`, async () => {
    for (const method of ["GET", "HEAD"]) {
      const result = succeeded(await run({ op: "http", method }, "/health"));
      assert.equal(result.responses[0]?.status, 200);
    }
  });

  test(`${from} row 7, 5 calls in order`, async () => {
    const { messages } = succeeded(await process("m", {}, { repeat: 5 }));
    assert.deepEqual(messages.map((m) => m.content), chunks(5, "Echo: m").map(hash));
  });

  const rawRows: readonly (readonly [string, Json])[] = [
    [
      "row 8, a raw request with null metadata, no method and no timestamps",
      { role: "user", content: "raw", metadata: null },
    ],
    ["row 9, a raw request with metadata", { role: "user", content: "raw", metadata: NESTED }],
    ["row 10, a raw request in Unicode", { role: "user", content: UNICODE, metadata: {} }],
    ["row 11, a raw request of 1 MiB", {
      role: "user",
      content: "x".repeat(1 << 20),
      metadata: {},
    }],
  ];
  for (const [row, message] of rawRows) {
    test(`${from} ${row}`, async () => {
      const [response] = await raw(rawEnvelope(message));
      assert.equal(response?.status, 200);
      const envelope: Loose = JSON.parse(response!.text);
      const sent = message as { content: string; metadata: JsonObject | null };
      assert.equal(envelope.type, "response");
      assert.equal(envelope.id, "raw-1");
      assert.equal(envelope.payload.message.content, `Echo: ${sent.content}`);
      assert.equal(envelope.payload.message.metadata.language, "typescript");
      assert.deepEqual(envelope.payload.message.metadata.original_metadata, sent.metadata ?? {});
    });
  }

  for (const [row, count] of [["row 12", 10], ["row 13", 50]] as const) {
    test(`${from} ${row}, ${count} calls at once`, async () => {
      const { messages } = succeeded(await process("m", {}, { concurrent: count }));
      assert.deepEqual(messages.map((m) => m.content), chunks(count, "Echo: m").map(hash));
    });
  }

  test(`${from} row 14, 10 raw requests at once`, async () => {
    const message = { role: "user", content: "raw", metadata: {} };
    const responses = await raw(rawEnvelope(message), { concurrent: 10 });
    assert.deepEqual(responses.map((r) => r.status), Array(10).fill(200));
  });

  test(`${from} row 15, nobody listens`, async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const result = await (await client.get()).run({
      op: "process",
      url,
      message: { content: "x" },
    });
    assert.equal(result.ok, false);
    assert.equal(result.error_type, "ConnectionError");
  });

  test(`${from} row 16, a request without a message`, async () => {
    const [response] = await raw(rawEnvelope(undefined));
    assert.equal(response?.status, 400);
    const envelope: Loose = JSON.parse(response!.text);
    assert.equal(envelope.type, "error");
    assert.equal(envelope.id, "raw-1");
    assert.equal(envelope.payload.error_code, "INVALID_MESSAGE");
  });

  test(`${from} row 17, an h2c:// address`, async () => {
    const url = (await server.get()).url.replace("http://", "h2c://");
    const result = await (await client.get()).run({
      op: "process",
      url,
      message: { content: "Hello" },
    });
    assert.equal(succeeded(result).messages[0]?.content, "Echo: Hello");
  });

  test(`${from} row 18, 10 calls on one agent`, async () => {
    const { messages } = succeeded(await process("m", {}, { repeat: 10 }));
    assert.deepEqual(messages.map((m) => m.content), chunks(10, "Echo: m").map(hash));
  });

  for (const count of [0, 1, 10, 500]) {
    test(`${from} a stream of ${count} chunks in order`, async () => {
      const { messages } = succeeded(await stream({ behaviour: "chunks", n: count }));
      assert.deepEqual(messages.map((m) => m.content), chunks(count));
      assert.deepEqual(messages.map((m) => m.metadata["index"]), [...chunks(count).keys()]);
    });
  }

  if (incremental) {
    test(`${from} chunks arrive as they are made`, async () => {
      await withTime(100, async (ms) => {
        const { arrivals_ms } = succeeded(await stream({ behaviour: "chunks", n: 4, ms }));
        assert.equal(arrivals_ms.length, 4);
        return areApart(arrivals_ms, ms);
      }, "the chunks came at once");
    });
  }

  test(`${from} the agent fails`, async () => {
    const result = await process("x", { behaviour: "fail", text: "no such patient" });
    assert.equal(result.error_type, "ConnectionError");
    assert.match(result.error ?? "", /HTTP error 500/);
    assert.match(result.error ?? "", /EXECUTION_ERROR/);
  });

  test(`${from} an error before the first chunk`, async () => {
    const result = await stream({ behaviour: "fail", text: "no such patient" });
    assert.equal(result.ok, false);
    assert.equal(result.messages.length, 0);
  });

  test(`${from} an error in the middle of a stream`, async () => {
    const result = await stream({ behaviour: "midfail", n: 3 });
    assert.equal(result.ok, false);
    assert.equal(result.error_type, "RemoteExecutionError");
    assert.deepEqual(result.messages.map((m) => m.content), chunks(3));
  });

  for (const megabytes of [1, 9]) {
    test(`${from} ${megabytes} MB there and back`, async () => {
      const large = "x".repeat(megabytes * MEGABYTE);
      const unary = succeeded(await process(large, { behaviour: "same" }));
      assert.equal((unary.messages[0]?.content as string).length, large.length);
      const streamed = succeeded(await stream({ behaviour: "same" }, large));
      assert.equal((streamed.messages[0]?.content as string).length, large.length);
    });
  }

  test(`${from} line separators and emoji, unary and streamed`, async () => {
    const unary = succeeded(await process(SEPARATORS));
    assert.equal(unary.messages[0]?.content, `Echo: ${SEPARATORS}`);
    const streamed = succeeded(await stream({}, SEPARATORS));
    assert.equal(streamed.messages[0]?.content, `Echo: ${SEPARATORS}`);
    assert.equal(streamed.messages[0]?.metadata["original_content"], SEPARATORS);
  });

  test(`${from} text that looks like JSON stays text`, async () => {
    const { messages } = succeeded(await process('{"a": 1}', { behaviour: "same" }));
    assert.equal(messages[0]?.content, '{"a": 1}');
  });

  test(`${from} a client's timeout shorter than the agent`, async () => {
    const before = await stats();
    const late = await process("x", { behaviour: "sleep", ms: 20_000 }, { timeout_ms: 800 });
    assert.equal(late.ok, false);
    assert.ok(late.elapsed_ms < 10_000, `${late.elapsed_ms} ms`);
    assert.equal(succeeded(await process("next")).messages[0]?.content, "Echo: next");
    // Deno's server sees an HTTP/1.1 client leave an unanswered call only if the
    // whole request came in one small packet; Python sends head and body apart.
    if (runtime === "Deno" && language === "python") return;
    await leftSince(before, 1);
  });

  test(`${from} a client's timeout shorter than the stream`, async () => {
    const before = await stats();
    const late = await stream({ behaviour: "chunks", n: 2, ms: 20_000 }, "x", { timeout_ms: 800 });
    assert.equal(late.ok, false);
    assert.ok(late.elapsed_ms < 10_000, `${late.elapsed_ms} ms`);
    await leftSince(before, 1);
  });

  if (incremental) {
    test(`${from} a client that leaves in the middle of a stream`, async () => {
      const before = await stats();
      const result = await stream({ behaviour: "chunks", n: 500, ms: 20 }, "x", { leave_after: 2 });
      assert.deepEqual(result.messages.map((m) => m.content), chunks(2));
      await leftSince(before, 1);
    });
  }

  async function leftSince(before: Stats, expected: number): Promise<void> {
    let left = 0;
    for (let i = 0; i < 200 && left < expected; i++) {
      await delay(50);
      left = (await stats()).left - before.left;
    }
    assert.equal(left, expected);
  }

  test(`${from} the agent named in the request answers, else the first one`, async () => {
    const named = succeeded(await process("x", {}, { name: "unary" }));
    assert.equal(named.messages[0]?.content, "Unary: x");
    const other = succeeded(await process("x", {}, { name: "whatever" }));
    assert.equal(other.messages[0]?.content, "Echo: x");
  });

  test(`${from} broken requests get an answer, and the next one works`, async () => {
    const bodies = [
      "{",
      "[]",
      "null",
      '"text"',
      '{"version":"1.0","type":"request","id":"b","payload":null}',
      '{"version":"9.9","type":"request","id":"b","payload":{"message":{"role":"user","content":"x"}}}',
      '{"version":"1.0","type":"request","id":"b","payload":{"message":{"content":"x"}}}',
      '{"version":"1.0","type":"request","id":"b","payload":{"message":{"role":7,"content":"x"}}}',
      '{"version":"1.0","type":"request","id":"b","payload":{"message":[1]}}',
    ];
    for (const body of bodies) {
      for (const path of ["/process", "/stream"]) {
        const { responses: [response] } = succeeded(await run({ op: "http", raw: body }, path));
        assert.equal(response?.status, 400, `${path} ${body}: ${response?.text}`);
        const envelope: Loose = JSON.parse(response!.text);
        assert.equal(envelope.payload.error_code, "INVALID_MESSAGE", response!.text);
        assert.notEqual(envelope.payload.error_message, "");
      }
    }
    assert.equal(succeeded(await process("next")).messages[0]?.content, "Echo: next");
  });

  test(`${from} a server that restarts`, async () => {
    const peer = await server.get();
    assert.equal(succeeded(await process("before")).messages[0]?.content, "Echo: before");
    await peer.stop();
    assert.equal((await process("down")).error_type, "ConnectionError");
    await peer.restart();
    assert.equal(succeeded(await process("back")).messages[0]?.content, "Echo: back");
  });
}

/** `m 3` as the client peers number their contents: `m #3`. */
function hash(content: string): string {
  return content.replace(/ (\d+)$/, " #$1");
}
