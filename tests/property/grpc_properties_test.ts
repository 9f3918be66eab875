import { fc } from "./fc.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Envelope, EnvelopeSplitter } from "../../src/transport/grpc/envelope_splitter.ts";

const messages = fc.array(
  fc.record({ flags: fc.constantFrom(0, 1), data: fc.uint8Array({ maxLength: 300 }) }),
  { maxLength: 8 },
);

/** Messages as they go over the wire. */
function joined(envelopes: readonly Envelope[]): Uint8Array {
  return new Uint8Array(envelopes.flatMap(({ flags, data }) => {
    const length = new DataView(new ArrayBuffer(4));
    length.setUint32(0, data.length);
    return [flags, ...new Uint8Array(length.buffer), ...data];
  }));
}

/** Bytes in pieces of these lengths, and what is left. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (const length of lengths) {
    pieces.push(bytes.subarray(start, start + length));
    start += length;
  }
  return [...pieces, bytes.subarray(start)];
}

function split(pieces: readonly Uint8Array[], maxBytes = 300) {
  const splitter = new EnvelopeSplitter(maxBytes);
  const found: Envelope[] = [];
  for (const piece of pieces) splitter.push(piece, (envelope) => found.push(envelope));
  return {
    found: found.map(({ flags, data }) => ({ flags, data: [...data] })),
    partial: splitter.partial,
  };
}

test("EnvelopeSplitter finds the same messages however their bytes are cut", () => {
  fc.assert(
    fc.property(messages, fc.array(fc.nat(200), { maxLength: 40 }), (sent, lengths) => {
      const { found, partial } = split(cut(joined(sent), lengths));
      assert.deepEqual(found, sent.map(({ flags, data }) => ({ flags, data: [...data] })));
      assert.equal(partial, false);
    }),
  );
});

test("EnvelopeSplitter tells that a message is not whole", () => {
  fc.assert(
    fc.property(messages, fc.nat(), fc.array(fc.nat(200)), (sent, at, lengths) => {
      const all = joined(sent);
      const end = at % (all.length + 1);
      const { found, partial } = split(cut(all.subarray(0, end), lengths));
      const whole = joined(sent.slice(0, found.length)).length;
      assert.equal(partial, end > whole);
      assert.ok(
        found.length === sent.length || joined(sent.slice(0, found.length + 1)).length > end,
      );
    }),
  );
});

test("EnvelopeSplitter refuses a message that says it is too large, before it is there", () => {
  fc.assert(
    fc.property(fc.integer({ min: 301, max: 0xffffffff }), fc.nat(5), (size, at) => {
      const head = joined([{ flags: 0, data: new Uint8Array() }]);
      new DataView(head.buffer).setUint32(1, size);
      assert.throws(() => split(cut(head, [at])), /larger than the 300/);
    }),
  );
});
