import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameReader, writeFrame } from "../../../src/protocol/frame.ts";

const utf8 = new TextEncoder();

/** Bytes as somebody else would frame them. */
function framed(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  return frame;
}

function read(reader: FrameReader, ...chunks: Uint8Array[]): string[] {
  const texts: string[] = [];
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let text = reader.next(); text !== undefined; text = reader.next()) texts.push(text);
  }
  return texts;
}

test("writeFrame() writes the length in bytes, big-endian, and UTF-8", () => {
  for (const text of ["", "a", "é", "\u{1F30D}", "\ufeffx", "x".repeat(70_000), "世".repeat(300)]) {
    assert.deepEqual(writeFrame(text), framed(utf8.encode(text)));
  }
});

test("writeFrame() refuses more than maxBytes bytes, counted as UTF-8", () => {
  assert.equal(writeFrame("é", 2).length, 6);
  for (const text of ["abc", "éa", "世"]) {
    assert.throws(() => writeFrame(text, 2), { code: "resource_exhausted", retryable: false });
  }
});

test("FrameReader takes frames of any number of chunks, and many of one", () => {
  const bytes = new Uint8Array([
    ...writeFrame("one"),
    ...writeFrame(""),
    ...writeFrame("zwölf"),
  ]);
  assert.deepEqual(read(new FrameReader(), bytes), ["one", "", "zwölf"]);
  const single = [...bytes].map((byte) => new Uint8Array([byte]));
  assert.deepEqual(read(new FrameReader(), ...single), ["one", "", "zwölf"]);
});

test("FrameReader keeps what was pushed before the frames ahead of it were taken", () => {
  const reader = new FrameReader();
  reader.push(new Uint8Array([...writeFrame("one"), 0, 0]));
  assert.equal(reader.next(), "one");
  reader.push(new Uint8Array([0]));
  reader.push(new Uint8Array([2, 97]));
  reader.push(new Uint8Array([98, ...writeFrame("c")]));
  assert.equal(reader.next(), "ab");
  assert.equal(reader.next(), "c");
  assert.equal(reader.next(), undefined);
});

test("FrameReader knows whether a frame has begun", () => {
  const reader = new FrameReader();
  const partial = () => {
    assert.equal(reader.next(), undefined);
    return reader.isPartial;
  };
  assert.equal(partial(), false);
  reader.push(new Uint8Array([0]));
  assert.equal(partial(), true);
  reader.push(new Uint8Array([0, 0, 2]));
  assert.equal(partial(), true);
  reader.push(new Uint8Array([97]));
  assert.equal(partial(), true);
  reader.push(new Uint8Array([97]));
  assert.equal(reader.next(), "aa");
  assert.equal(partial(), false);
});

test("FrameReader refuses a length above the limit by its four bytes alone", () => {
  for (const [length, maxBytes] of [[2 ** 32 - 1, undefined], [10_485_761, undefined], [3, 2]]) {
    const prefix = new Uint8Array(4);
    new DataView(prefix.buffer).setUint32(0, length!);
    const reader = new FrameReader(maxBytes);
    reader.push(prefix);
    assert.throws(() => reader.next(), {
      code: "resource_exhausted",
      retryable: false,
      message: `A frame is too large: expected at most ${
        maxBytes ?? 10_485_760
      } bytes, got ${length}`,
    });
    assert.throws(() => reader.next(), { code: "resource_exhausted" }, "and goes on refusing");
  }
});

test("FrameReader takes a frame of the limit itself", () => {
  const text = "x".repeat(10_485_760);
  const [read1] = read(new FrameReader(), writeFrame(text));
  assert.equal(read1!.length, text.length);
});

test("FrameReader refuses what is not UTF-8, wherever it is cut", () => {
  for (const body of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
    const frame = framed(new Uint8Array(body));
    for (let cut = 0; cut < frame.length; cut++) {
      const reader = new FrameReader();
      assert.throws(() => read(reader, frame.subarray(0, cut), frame.subarray(cut)), {
        code: "invalid_argument",
        message: "Cannot read a frame: expected UTF-8",
      });
    }
  }
});

test("FrameReader keeps a byte order mark, which is text like any other", () => {
  assert.deepEqual(read(new FrameReader(), writeFrame("\ufeffa")), ["\ufeffa"]);
});
