import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "./fc.ts";
import { codeOf } from "../../src/core/errors.ts";
import { FrameReader, writeFrame } from "../../src/protocol/frame.ts";

const MAX_BYTES = 20_000;

const texts = fc.array(
  fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 40 }),
    fc.json({ maxDepth: 3 }),
    // Longer than the first buffer of a frame, and of more bytes than characters.
    fc.nat({ max: 6_000 }).map((length) => "é".repeat(length)),
    fc.constantFrom("", "\ufeff", "\u0000", "\u2028\u0085"),
  ),
  { maxLength: 6 },
);

/** Where to cut, as parts of the whole. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Pieces that share nothing, so that one may be overwritten after use. */
function pieces(bytes: Uint8Array, parts: readonly number[]): Uint8Array[] {
  const at = parts.map((part) => Math.floor(part * bytes.length)).sort((a, b) => a - b);
  return [0, ...at].map((from, i) => bytes.slice(from, at[i] ?? bytes.length));
}

test("FrameReader gives the same texts however the bytes are cut", () => {
  fc.assert(fc.property(texts, cuts, fc.boolean(), (sent, parts, eager) => {
    const bytes = joined(sent.map((text) => writeFrame(text, MAX_BYTES)));
    const reader = new FrameReader(MAX_BYTES);
    const got: string[] = [];
    const take = () => {
      for (let text = reader.next(); text !== undefined; text = reader.next()) got.push(text);
    };
    for (const piece of pieces(bytes, parts)) {
      reader.push(piece);
      if (!eager) continue;
      take();
      // What was read must not depend on the buffer any more.
      if (!reader.isPartial) piece.fill(0xff);
    }
    take();
    assert.deepEqual(got, sent);
    assert.equal(reader.isPartial, false);
  }));
});

test("FrameReader gives the whole frames of bytes that end early, and knows that one is not whole", () => {
  fc.assert(
    fc.property(texts, cuts, fc.double({ min: 0, max: 1, noNaN: true }), (sent, parts, end) => {
      const frames = sent.map((text) => writeFrame(text, MAX_BYTES));
      const bytes = joined(frames);
      const length = Math.floor(end * bytes.length);
      const reader = new FrameReader(MAX_BYTES);
      const got: string[] = [];
      for (const piece of pieces(bytes.subarray(0, length), parts)) {
        reader.push(piece);
        for (let text = reader.next(); text !== undefined; text = reader.next()) got.push(text);
      }
      let whole = 0;
      let size = 0;
      while (whole < frames.length && size + frames[whole]!.length <= length) {
        size += frames[whole++]!.length;
      }
      assert.deepEqual(got, sent.slice(0, whole));
      assert.equal(reader.isPartial, size < length);
    }),
  );
});

test("FrameReader reads garbage to texts or to one of two errors, and to the same however it is cut", () => {
  const prefix = fc.constantFrom([], [0, 0, 0], [0, 0, 0, 9], [0, 0, 78, 33], [255, 255, 255, 255]);
  fc.assert(fc.property(prefix, fc.uint8Array({ maxLength: 200 }), cuts, (start, rest, parts) => {
    const bytes = new Uint8Array([...start, ...rest]);
    const outcome = (chunks: readonly Uint8Array[]) => {
      const reader = new FrameReader(MAX_BYTES);
      const got: unknown[] = [];
      try {
        for (const chunk of chunks) {
          reader.push(chunk);
          for (let text = reader.next(); text !== undefined; text = reader.next()) got.push(text);
        }
        got.push(reader.isPartial);
      } catch (error) {
        const code = codeOf(error);
        assert.ok(code === "resource_exhausted" || code === "invalid_argument", `${error}`);
        got.push(code);
      }
      return got;
    };
    assert.deepEqual(outcome(pieces(bytes, parts)), outcome([bytes]));
  }));
});
