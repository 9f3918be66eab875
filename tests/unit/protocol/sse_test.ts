import assert from "node:assert/strict";
import { test } from "node:test";
import { readEvents } from "../../../src/protocol/sse.ts";
import { AgenkitError } from "../../../src/core/errors.ts";
import { Source } from "../core/fakes.ts";
import { type Vector, vectors } from "./vector.ts";
import sse from "./vectors/sse.json" with { type: "json" };

interface EventVector extends Vector {
  /** The body as it comes, as text or as bytes. */
  readonly pieces: readonly (string | { readonly bytes: readonly number[] })[];
  /** The events read, also those before an error. */
  readonly events: readonly string[];
  readonly error?: { readonly code: string; readonly text: string };
  readonly maxEventBytes?: number;
}

const encoder = new TextEncoder();

function body(pieces: EventVector["pieces"]): Source<Uint8Array> {
  return new Source<Uint8Array>((n) => {
    const piece = pieces[n];
    if (piece === undefined) return { done: true, value: undefined };
    const value = typeof piece === "string" ? encoder.encode(piece) : Uint8Array.from(piece.bytes);
    return { done: false, value };
  });
}

for (const vector of vectors<EventVector>(sse)) {
  test(`readEvents() of WIRE ${vector.row}: ${vector.name}`, async () => {
    const { pieces, events, error, maxEventBytes } = vector;
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of readEvents(body(pieces), maxEventBytes)) seen.push(event);
    })();
    if (error === undefined) await reading;
    else {
      await assert.rejects(reading, (thrown) => {
        assert.ok(thrown instanceof AgenkitError, `${thrown}`);
        assert.equal(thrown.code, error.code);
        assert.ok(thrown.message.includes(error.text), thrown.message);
        assert.equal(thrown.retryable, false);
        return true;
      });
    }
    assert.deepEqual(seen, events);
  });
}

test("readEvents() reads the same from bytes that come one by one", async () => {
  for (const { pieces, events, error, maxEventBytes } of vectors<EventVector>(sse)) {
    if (error !== undefined || maxEventBytes !== undefined) continue; // these are about pieces
    const bytes = pieces.flatMap((piece) =>
      typeof piece === "string" ? [...encoder.encode(piece)] : piece.bytes
    );
    const seen: string[] = [];
    const single = body(bytes.map((byte) => ({ bytes: [byte] })));
    for await (const event of readEvents(single)) seen.push(event);
    assert.deepEqual(seen, events);
  }
});

test("readEvents() closes its source when the consumer stops, and reads no further", async () => {
  const source = body(["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]);
  for await (const event of readEvents(source)) {
    if (event === "2") break;
  }
  assert.equal(source.nexts, 2);
  assert.equal(source.returns, 1);
});

test("readEvents() stops reading a source above the cap", async () => {
  let read = 0;
  const endless = new Source<Uint8Array>(() => {
    read += 1000;
    return { done: false, value: encoder.encode((read > 1000 ? "" : "data: ") + "x".repeat(1000)) };
  });
  await assert.rejects(async () => {
    for await (const _ of readEvents(endless, 10_000)) assert.fail("no event to be seen");
  }, { code: "resource_exhausted" });
  assert.ok(read < 20_000, `read ${read} bytes`);
  assert.equal(endless.returns, 1);
});
