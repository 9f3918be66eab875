import { Writable } from "node:stream";
import { setImmediate } from "node:timers";
import { test } from "node:test";
import assert from "node:assert/strict";
import {
  type Envelope,
  EnvelopeSplitter,
} from "../../../../src/transport/grpc/envelope_splitter.ts";
import { gzip } from "../../../../src/transport/grpc/compression.ts";
import { MessageWriter } from "../../../../src/transport/grpc/message_writer.ts";

/** A stream that keeps what it gets, and takes more only when it is told to. */
function outlet(highWaterMark: number) {
  const pieces: Uint8Array[] = [];
  const waiting: (() => void)[] = [];
  const out = new Writable({
    highWaterMark,
    write(piece: Uint8Array, _, done) {
      pieces.push(piece);
      waiting.push(done);
    },
  });
  const messages = () => {
    const found: Envelope[] = [];
    const splitter = new EnvelopeSplitter(1_000_000);
    for (const piece of pieces) splitter.push(piece, (envelope) => found.push(envelope));
    return found;
  };
  return { out, pieces, messages, take: () => waiting.shift()?.() };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

test("MessageWriter sends what is said in one turn as one piece, and what is left with the end", async () => {
  const { out, pieces, messages, take } = outlet(1_000);
  const begun: number[] = [];
  const writer = new MessageWriter(out, null, () => begun.push(pieces.length));
  assert.equal(writer.write(bytes("a")), undefined);
  await null;
  assert.equal(writer.write(bytes("b")), undefined);
  assert.deepEqual([pieces.length, begun], [0, []]);
  await turn();
  assert.deepEqual([pieces.length, begun], [1, [0]]);
  take();
  writer.write(bytes("c"));
  writer.end();
  await turn();
  assert.equal(pieces.length, 2);
  assert.deepEqual(messages().map(({ data }) => String.fromCharCode(...data)), ["a", "b", "c"]);
  assert.equal(out.writableEnded, true);
});

test("MessageWriter asks to wait while the stream is full, and only then", async () => {
  const { out, take } = outlet(4);
  const writer = new MessageWriter(out, null);
  writer.write(bytes("a"));
  await turn();
  const room = writer.write(bytes("b"));
  assert.ok(room !== undefined);
  let waited = false;
  void room.then(() => waited = true);
  await turn();
  assert.equal(waited, false);
  take();
  take();
  await room;
  // It was full once more, and has room again before anybody asks.
  await turn();
  take();
  await turn();
  assert.equal(writer.write(bytes("c")), undefined);
});

test("MessageWriter that is closed lets go of who waits, and sends no more", async () => {
  const { out, pieces } = outlet(4);
  const writer = new MessageWriter(out, null);
  writer.write(bytes("a"));
  await turn();
  const room = writer.write(bytes("b"));
  assert.ok(room !== undefined);
  writer.close();
  await room;
  assert.equal(writer.write(bytes("c")), undefined);
  await turn();
  assert.equal(pieces.length, 1);
});

test("MessageWriter outlives a stream that is gone and has not said so", async () => {
  const { out } = outlet(4);
  const writer = new MessageWriter(out, null, () => {
    throw new Error("The stream has been destroyed");
  });
  writer.write(bytes("a"));
  await turn();
  assert.equal(writer.write(bytes("b")), undefined);
});

test("MessageWriter compresses what is large, and keeps the order", async () => {
  const { out, messages, take } = outlet(100_000);
  const writer = new MessageWriter(out, gzip);
  const large = bytes("x".repeat(5_000));
  assert.equal(writer.write(bytes("a")), undefined);
  await writer.write(large);
  writer.write(bytes("b"));
  writer.end();
  await turn();
  take();
  await turn();
  const found = messages();
  assert.deepEqual(found.map(({ flags }) => flags), [0, 1, 0]);
  assert.deepEqual(new Uint8Array(await gzip.decompress(found[1]!.data, 5_000)), large);
  await assert.rejects(gzip.decompress(found[1]!.data, 4_999), /larger than the 4999 bytes/);
});
