/**
 * A peer's client against our server over connections that carry envelopes: a
 * TCP, a Unix or a WebSocket. What `they_call.ts` is for HTTP.
 *
 * @module
 */
import { test } from "node:test";
import assert from "node:assert/strict";
import { delay, type Json, type JsonObject } from "../../mod.ts";
import type { Stats } from "./agents.ts";
import type { Case, ClientPeer, Result, ServerPeer } from "./peers.ts";
import type { Lazy } from "./suite.ts";
import { areApart, chunks, MEGABYTE, NESTED, SEPARATORS, UNICODE, withTime } from "./scenarios.ts";

/** What differs between the peers that call us, and the ways they come. */
export interface ChannelCaller {
  readonly language: "python" | "go";
  /** Names the transport in the tests. */
  readonly transport: string;
  readonly client: Lazy<ClientPeer>;
  readonly server: Lazy<ServerPeer>;
  /** What our server runs on. */
  readonly runtime: string;
  /** Whether it keeps to the timeout it is given. */
  readonly keepsTimeouts: boolean;
  /** Whether it tries for 15 s to connect to a server that is not there. */
  readonly triesLong?: boolean;
}

/** Registers the tests of one peer's client against our server. */
export function theyCallOverChannels(caller: ChannelCaller): void {
  const { language, transport, client, server, runtime, keepsTimeouts, triesLong } = caller;
  const from = `${language} -> TypeScript on ${runtime} over ${transport}:`;
  const run = async (testCase: Omit<Case, "url">): Promise<Result> =>
    await (await client.get()).run({ ...testCase, url: (await server.get()).url });
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

  test(`${from} a basic message`, async () => {
    const [reply] = succeeded(await process("Hello")).messages;
    assert.equal(reply?.role, "agent");
    assert.equal(reply?.content, "Echo: Hello");
    assert.equal(reply?.metadata["language"], "typescript");
    assert.equal(reply?.metadata["original_content"], "Hello");
    assert.match(reply?.timestamp ?? "", /^20\d\d-/);
  });

  test(`${from} nested metadata with lists`, async () => {
    const [reply] = succeeded(await process("Hello", NESTED)).messages;
    assert.deepEqual(reply?.metadata["original_metadata"], NESTED);
  });

  test(`${from} Unicode, empty content, and text that looks like JSON`, async () => {
    for (const content of [UNICODE, "", '{"a": 1}', SEPARATORS]) {
      const unary = succeeded(await process(content));
      assert.equal(unary.messages[0]?.content, `Echo: ${content}`);
      const streamed = succeeded(await stream({ behaviour: "same" }, content));
      assert.equal(streamed.messages[0]?.content, content);
    }
  });

  test(`${from} 1 MiB and 9 MB there and back`, async () => {
    for (const size of [1 << 20, 9 * MEGABYTE]) {
      const large = "x".repeat(size);
      const unary = succeeded(await process(large, { behaviour: "same" }));
      assert.equal((unary.messages[0]?.content as string).length, size);
      const streamed = succeeded(await stream({ behaviour: "same" }, large));
      assert.equal((streamed.messages[0]?.content as string).length, size);
    }
  });

  test(`${from} 10 calls on one connection, and 50 at once`, async () => {
    for (const [how, count] of [["repeat", 10], ["concurrent", 50]] as const) {
      const { messages } = succeeded(await process("m", {}, { [how]: count }));
      const expected = Array.from({ length: count }, (_, i) => `Echo: m #${i}`);
      assert.deepEqual(messages.map((m) => m.content), expected);
    }
  });

  test(`${from} streams of 0, 1 and 500 chunks in order`, async () => {
    for (const count of [0, 1, 500]) {
      const { messages } = succeeded(await stream({ behaviour: "chunks", n: count }));
      assert.deepEqual(messages.map((m) => m.content), chunks(count));
      assert.deepEqual(messages.map((m) => m.metadata["index"]), [...chunks(count).keys()]);
    }
  });

  test(`${from} chunks arrive as they are made`, async () => {
    await withTime(100, async (ms) => {
      const { arrivals_ms } = succeeded(await stream({ behaviour: "chunks", n: 4, ms }));
      return areApart(arrivals_ms, ms);
    }, "the chunks came at once");
  });

  test(`${from} the agent fails, alone, in a stream, and in the middle of one`, async () => {
    const unary = await process("x", { behaviour: "fail", text: "no such patient" });
    assert.match(unary.error_type ?? "", /RemoteExecutionError/);
    assert.match(unary.error ?? "", /no such patient/);
    const streamed = await stream({ behaviour: "fail", text: "no such patient" });
    assert.equal(streamed.ok, false);
    assert.match(streamed.error ?? "", /no such patient/);
    assert.equal(streamed.messages.length, 0);
    const broken = await stream({ behaviour: "midfail", n: 3 });
    assert.equal(broken.ok, false);
    assert.deepEqual(broken.messages.map((m) => m.content), chunks(3));
  });

  if (keepsTimeouts) {
    test(`${from} a client's timeout shorter than the agent`, async () => {
      const before = await stats();
      const late = await process("x", { behaviour: "sleep", ms: 20_000 }, { timeout_ms: 800 });
      assert.equal(late.ok, false);
      assert.ok(late.elapsed_ms < 10_000, `${late.elapsed_ms} ms`);
      assert.equal(succeeded(await process("next")).messages[0]?.content, "Echo: next");
      await leftSince(before, 1);
    });
  }

  test(`${from} a client that leaves in the middle of a stream`, async () => {
    const before = await stats();
    const result = await stream({ behaviour: "chunks", n: 500, ms: 20 }, "x", { leave_after: 2 });
    assert.deepEqual(result.messages.map((m) => m.content), chunks(2));
    await leftSince(before, 1);
  });

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

  test(`${from} a server that restarts`, async () => {
    const peer = await server.get();
    assert.equal(succeeded(await process("before")).messages[0]?.content, "Echo: before");
    await peer.stop();
    if (!triesLong) assert.equal((await process("down")).ok, false);
    await peer.restart();
    assert.equal(succeeded(await process("back")).messages[0]?.content, "Echo: back");
  });
}
