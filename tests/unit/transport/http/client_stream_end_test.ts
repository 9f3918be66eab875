import { test } from "node:test";
import assert from "node:assert/strict";
import { collect, message, text } from "../../../../mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import { httpAgent } from "../../../../src/transport/http/mod.ts";

/** A peer that writes a chunk and the end of the stream, and then what `after` says. */
function peer(
  after: (controller: ReadableStreamDefaultController<Uint8Array>) => void,
  endId = "",
) {
  const seen = { cancelled: false, aborted: false };
  const fetch = (_url: string, init: RequestInit): Promise<Response> => {
    const { id } = JSON.parse(init.body as string);
    const event = (type: string, payload: unknown, of = id) =>
      new TextEncoder().encode(
        `data: ${JSON.stringify({ version: "1.0", type, id: of, payload })}\n\n`,
      );
    init.signal!.addEventListener("abort", () => {
      seen.aborted = true;
    });
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const chunk = { message: { role: "agent", content: "only", metadata: {} } };
        controller.enqueue(event("stream_chunk", chunk));
        controller.enqueue(event("stream_end", {}, endId || id));
        after(controller);
      },
      cancel() {
        seen.cancelled = true;
      },
    });
    return Promise.resolve(
      new Response(body, { headers: { "content-type": "text/event-stream" } }),
    );
  };
  const clock = new TestClock();
  return { agent: httpAgent("http://localhost", { fetch, clock }), clock, seen };
}

const ask = message("user", "x");

test("httpAgent() lets go of a connection that stays open after stream_end", async () => {
  const { agent, clock, seen } = peer(() => {});
  let done = false;
  const collected = collect(agent.stream(ask)).finally(() => done = true);
  while (!done) await clock.advance(10);
  assert.deepEqual((await collected).map(text), ["only"]);
  assert.equal(seen.aborted, true);
  assert.equal(clock.pending, 0);
  assert.ok(clock.now() < 1_000, `took ${clock.now()} ms`);
});

test("httpAgent() keeps a connection whose body ends with stream_end", async () => {
  const { agent, clock, seen } = peer((controller) => controller.close());
  assert.deepEqual((await collect(agent.stream(ask))).map(text), ["only"]);
  assert.equal(clock.pending, 0);
  assert.deepEqual(seen, { cancelled: false, aborted: false });
});

test("httpAgent() refuses a stream_end of another call", async () => {
  const { agent } = peer((controller) => controller.close(), "another");
  await assert.rejects(collect(agent.stream(ask)), /belongs to another call/);
});
