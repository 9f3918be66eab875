import { test } from "node:test";
import assert from "node:assert/strict";
import { delay } from "../../../../mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import {
  WebSocketChannel,
  type WebSocketChannelOptions,
} from "../../../../src/transport/websocket/channel.ts";
import { rejection } from "../../rejection.ts";

function open(options: Partial<WebSocketChannelOptions> = {}) {
  const clock = new TestClock();
  const sent: (string | Uint8Array)[] = [];
  const closes: [number, string][] = [];
  const sink = {
    bufferedAmount: 0,
    send: (data: string | Uint8Array) => void sent.push(data),
    close: (code: number, reason: string) => void closes.push([code, reason]),
  };
  const channel = new WebSocketChannel(sink, {
    maxBytes: 1_000,
    text: false,
    maxMessagesPerSecond: Number.POSITIVE_INFINITY,
    peer: "the peer",
    clock,
    ...options,
  });
  return { channel, sink, sent, closes, clock };
}

const bytes = (text: string) => new TextEncoder().encode(text);

test("WebSocketChannel sends binary messages, or text where both sides know it", async () => {
  const old = open();
  await old.channel.send("ü");
  assert.deepEqual(old.sent, [bytes("ü")]);
  const ours = open({ text: true });
  await ours.channel.send("ü");
  assert.deepEqual(ours.sent, ["ü"]);
});

test("WebSocketChannel takes text, buffers and views, in order", async () => {
  const { channel } = open();
  const waiting = channel.receive();
  channel.onMessage("one");
  channel.onMessage(bytes("two").buffer);
  channel.onMessage(bytes("three"));
  channel.onClose(1000, "");
  assert.equal(await waiting, "one");
  assert.equal(await channel.receive(), "two");
  assert.equal(await channel.receive(), "three");
  assert.equal(await channel.receive(), undefined);
  await channel.closed;
});

test("WebSocketChannel closes with 1009 for what is above the limit, counted in bytes", async () => {
  for (const data of ["x".repeat(1_001), "ü".repeat(501), new Uint8Array(1_001)]) {
    const { channel, closes } = open();
    channel.onMessage(data);
    assert.equal(closes[0]?.[0], 1009);
    assert.equal((await rejection(channel.receive())).code, "resource_exhausted");
    assert.equal((await rejection(channel.send("x"))).code, "resource_exhausted");
  }
  for (const text of [true, false]) {
    const { channel, sent } = open({ text });
    assert.equal((await rejection(channel.send("ü".repeat(501)))).code, "resource_exhausted");
    await channel.send("fine");
    assert.equal(sent.length, 1);
  }
});

test("WebSocketChannel refuses bytes that are no UTF-8, and reads on", async () => {
  const { channel, closes } = open();
  channel.onMessage(new Uint8Array([0xff, 0xfe]));
  channel.onMessage("next");
  assert.equal((await rejection(channel.receive())).code, "invalid_argument");
  assert.equal(await channel.receive(), "next");
  assert.deepEqual(closes, []);
});

test("WebSocketChannel.send() waits while more than 1 MiB has not left", async () => {
  const { channel, sink, clock } = open();
  sink.bufferedAmount = 2 << 20;
  let done = false;
  const sending = channel.send("x").then(() => done = true);
  await clock.advance(1_000);
  assert.equal(done, false);
  sink.bufferedAmount = 0;
  await clock.advance(10);
  assert.equal(await sending, true);
  assert.equal(clock.pending, 0);

  sink.bufferedAmount = 2 << 20;
  const lost = rejection(channel.send("y"));
  channel.onClose(1006, "");
  await clock.advance(10);
  assert.equal((await lost).code, "unavailable");
});

test("WebSocketChannel.send() gives the event loop a turn, however fast it goes", async () => {
  const { channel } = open();
  let turned = false;
  const turn = delay(0).then(() => turned = true);
  for (let i = 0; i < 1_000 && !turned; i++) await channel.send("x");
  assert.equal(turned, true);
  await turn;
});

test("WebSocketChannel tells what the end of a connection means", async () => {
  for (const code of [1000, 1001, 1005]) {
    const { channel } = open();
    channel.onClose(code, "");
    assert.equal(await channel.receive(), undefined);
    assert.equal((await rejection(channel.send("x"))).code, "unavailable");
  }
  const cases: [number, string, boolean][] = [
    [1006, "unavailable", true],
    [1011, "unavailable", true],
    [1012, "unavailable", true],
    [1008, "resource_exhausted", true],
    [1009, "resource_exhausted", false],
  ];
  for (const [code, expected, retryable] of cases) {
    const { channel } = open();
    const waiting = rejection(channel.receive());
    channel.onClose(code, "because");
    const error = await waiting;
    assert.deepEqual([error.code, error.retryable], [expected, retryable], `${code}`);
    assert.match(error.message, /because/);
  }
});

test("WebSocketChannel closes with 1008 for a flood, but not for as many in more time", async () => {
  const { channel, closes, clock } = open({ maxMessagesPerSecond: 3 });
  for (let second = 0; second < 5; second++) {
    for (let i = 0; i < 3; i++) {
      channel.onMessage("x");
      assert.equal(await channel.receive(), "x");
    }
    await clock.advance(1_001);
  }
  assert.deepEqual(closes, []);
  for (let i = 0; i < 4; i++) channel.onMessage("x");
  assert.equal(closes[0]?.[0], 1008);
  await channel.closed;
});

test("WebSocketChannel holds what nobody reads within bounds", async () => {
  const many = open();
  for (let i = 0; i < 20_000 && many.closes.length === 0; i++) many.channel.onMessage("x");
  assert.equal(many.closes[0]?.[0], 1008);
  const large = open({ maxBytes: 1 << 20 });
  let taken = 0;
  while (large.closes.length === 0) {
    large.channel.onMessage("x".repeat(1 << 20));
    taken += 1 << 20;
  }
  assert.ok(taken <= 18 << 20, `${taken} bytes were held`);
  assert.match((await rejection(large.channel.receive())).message, /faster than it is read/);
});

test("WebSocketChannel.close() settles what waits, once, with a reason that fits", async () => {
  const { channel, closes } = open();
  const waiting = channel.receive();
  channel.close(1001, "ü".repeat(200));
  channel.close(1000, "again");
  channel.onMessage("late");
  channel.onClose(1000, "");
  assert.equal(await waiting, undefined);
  assert.equal(closes.length, 1);
  assert.ok(bytes(closes[0]![1]).byteLength <= 123);
  assert.match(closes[0]![1], /^ü+$/);
  await channel.closed;
});
