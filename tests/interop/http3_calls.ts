/**
 * What is tried with every client of HTTP/3 at every server of it.
 *
 * @module
 */
import { test } from "node:test";
import assert from "node:assert/strict";
import type { Json, JsonObject } from "../../mod.ts";
import { quicRelay } from "../support/quic_relay.ts";
import type { Stats } from "./agents.ts";
import type { Case, ClientPeer, Result } from "./peers.ts";
import type { Lazy } from "./suite.ts";
import { UNICODE } from "./scenarios.ts";

/** A client, and the UDP port of a server. */
export interface Http3Pair {
  readonly name: string;
  readonly client: Lazy<ClientPeer>;
  port(): Promise<number>;
}

/** Registers the tests of one client at one server. */
export function http3Calls({ name, client, port }: Http3Pair): void {
  const run = async (testCase: Omit<Case, "url" | "protocol">): Promise<Result> =>
    await (await client.get()).run({
      protocol: "http3",
      url: `https://127.0.0.1:${await port()}`,
      ...testCase,
    });
  const process = (content: Json, metadata: JsonObject = {}, more: Partial<Case> = {}) =>
    run({ op: "process", message: { content, metadata }, ...more });
  const stream = (metadata: JsonObject, more: Partial<Case> = {}) =>
    run({ op: "stream", message: { content: "x", metadata }, ...more });
  const succeeded = (result: Result): Result => {
    assert.equal(result.error, undefined);
    return result;
  };
  const stats = async (): Promise<Stats> =>
    JSON.parse(
      succeeded(await process("x", { behaviour: "stats" })).messages[0]!.content as string,
    );

  test(`${name}: nothing but QUIC goes through between them`, async () => {
    await using relay = await quicRelay(await port());
    const result = succeeded(
      await (await client.get()).run({
        op: "process",
        protocol: "http3",
        url: `https://127.0.0.1:${relay.port}`,
        message: { content: UNICODE },
      }),
    );
    assert.equal(result.messages[0]?.content, `Echo: ${UNICODE}`);
    assert.ok(relay.opened.client > 0 && relay.opened.server > 0, JSON.stringify(relay.opened));
    if (result.http_version !== undefined) assert.equal(result.http_version, "HTTP/3.0");
  });

  test(`${name}: the chunks of a stream arrive as they are sent`, async () => {
    const { messages, arrivals_ms } = succeeded(
      await stream({ behaviour: "chunks", n: 5, ms: 200 }),
    );
    assert.deepEqual(
      messages.map(({ content }) => content),
      [0, 1, 2, 3, 4].map((i) => `chunk ${i}`),
    );
    // Held back, they would come at once.
    const spread = arrivals_ms.at(-1)! - arrivals_ms[0]!;
    assert.ok(spread >= 200, `all came within ${spread} ms`);
  });

  test(`${name}: megabytes, many at once, and errors`, async () => {
    const text = "å".repeat(1_500_000);
    assert.equal(succeeded(await process(text, { behaviour: "same" })).messages[0]?.content, text);
    const many = succeeded(await process("x", {}, { concurrent: 50 }));
    assert.deepEqual(
      many.messages.map(({ content }) => content),
      Array.from({ length: 50 }, (_, index) => `Echo: x #${index}`),
    );
    const failed = await process("x", { behaviour: "fail", text: "told over QUIC" });
    assert.match(failed.error ?? "", /told over QUIC/);
    const midway = await stream({ behaviour: "midfail", n: 3 });
    assert.equal(midway.messages.length, 3);
    assert.match(midway.error ?? "", /broke on purpose/);
  });

  test(`${name}: a client that leaves a stream ends the agent`, async () => {
    const before = await stats();
    await stream({ behaviour: "chunks", n: 1_000, ms: 20 }, { leave_after: 2 });
    for (let attempt = 0; (await stats()).left === before.left; attempt++) {
      assert.ok(attempt < 200, "the agent did not learn that its caller left");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test(`${name}: a call that takes too long ends by its deadline`, async () => {
    const result = await process("x", { behaviour: "sleep", ms: 20_000 }, { timeout_ms: 300 });
    assert.equal(result.ok, false);
    assert.ok(result.elapsed_ms < 10_000, `took ${result.elapsed_ms} ms`);
  });
}
