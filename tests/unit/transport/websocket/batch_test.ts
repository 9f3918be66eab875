import { test } from "node:test";
import assert from "node:assert/strict";
import { BatchedChannel } from "../../../../src/transport/websocket/batch.ts";
import { ShortMessages } from "../../../../src/transport/websocket/short_messages.ts";
import { rejection } from "../../rejection.ts";
import { channelPair } from "../channel/pair.ts";

test("BatchedChannel puts what is sent in one turn into one message, and takes it apart", async () => {
  const [a, b] = channelPair();
  const sender = new BatchedChannel(a, 1e6);
  await Promise.all(["1", "2", "3"].map((text) => sender.send(text)));
  assert.equal(b.waiting, 1);
  const receiver = new BatchedChannel(b, 1e6);
  assert.deepEqual(
    [await receiver.receive(), await receiver.receive(), await receiver.receive()],
    ["1", "2", "3"],
  );
  await sender.send("alone");
  assert.equal(await receiver.receive(), "alone");
  sender.close();
  assert.equal(await receiver.receive(), undefined);
});

test("BatchedChannel joins no more than 16 Ki characters, and loses none", async () => {
  const [a, b] = channelPair();
  const sender = new BatchedChannel(a, 1e6);
  const texts = Array.from({ length: 10 }, (_, i) => `${i}`.repeat(5_000));
  await Promise.all(texts.map((text) => sender.send(text)));
  assert.equal(b.waiting, 4);
  const receiver = new BatchedChannel(b, 1e6);
  for (const text of texts) assert.equal(await receiver.receive(), text);
});

test("BatchedChannel refuses more lines in one message than its like would send", async () => {
  const [a, b] = channelPair();
  const receiver = new BatchedChannel(b, 1e6);
  await a.send("x\n".repeat(65_536));
  for (let i = 0; i < 65_536; i++) assert.equal(await receiver.receive(), "x");
  assert.equal(await receiver.receive(), "");
  await a.send("x\n".repeat(65_537));
  const { code, message } = await rejection(receiver.receive());
  assert.equal(code, "resource_exhausted");
  assert.match(message, /several lines .* at most 131072 characters, got 131074/);
  await a.send("x".repeat(1_000_000));
  assert.equal(
    (await receiver.receive())?.length,
    1_000_000,
    "one line may be as long as it likes",
  );
});

test("BatchedChannel sends at once what is said to be alone", async () => {
  const [a, b] = channelPair();
  const sender = new BatchedChannel(a, 1e6);
  const sending = sender.send("alone", true);
  assert.equal(b.waiting, 1);
  await sending;
  const first = sender.send("first");
  const second = sender.send("second", true);
  assert.equal(b.waiting, 1, "it keeps its turn behind what is held");
  await Promise.all([first, second]);
  assert.equal(b.waiting, 2);
});

test("BatchedChannel tells every sender when the connection is lost", async () => {
  const [a] = channelPair();
  const sender = new BatchedChannel(a, 1e6);
  const sends = [sender.send("1"), sender.send("2")].map(rejection);
  a.vanish();
  for (const error of await Promise.all(sends)) assert.equal(error.code, "unavailable");
});

test("ShortMessages cuts into 1 KiB, in bytes, and BatchedChannel puts together again", async () => {
  for (const unit of ["x", "ü", "世", "🌍", "+", "a\n", "\n"]) {
    for (const count of [1, 340, 1_024, 1_025, 5_000]) {
      const [a, b] = channelPair();
      const texts = unit.repeat(count).split("\n").map((line) => `{${line}}`);
      const sender = new BatchedChannel(new ShortMessages(a, "[ping]"), 1e6);
      const receiver = new BatchedChannel(b, 1e6);
      await Promise.all(texts.map((text) => sender.send(text)));
      const got: string[] = [];
      while (got.length < texts.length) {
        const line = (await receiver.receive())!;
        if (line !== "[ping]") got.push(line);
      }
      assert.deepEqual(got, texts, `${count} times ${JSON.stringify(unit)}`);
    }
  }
});

test("ShortMessages sends pieces with a ping each, and one that fits without when all is answered", async () => {
  const [a, b] = channelPair();
  const sender = new ShortMessages(a, "[ping]");
  const sent = async () => {
    const got: string[] = [];
    while (b.waiting > 0) got.push((await b.receive())!);
    return got;
  };
  await sender.send("{first}");
  assert.deepEqual(await sent(), ["{first}"]);
  await sender.send("{second}");
  assert.deepEqual(await sent(), ["[ping]\n{second}"]);
  await b.send("answer");
  await sender.receive();
  await sender.send(`{${"ü".repeat(2_000)}}`);
  const pieces = await sent();
  assert.equal(pieces.length, 4);
  assert.ok(pieces.every((piece) => piece.startsWith("[ping]\n")));
  assert.ok(pieces.every((piece) => new TextEncoder().encode(piece).length <= 1_024));
  await sender.send("x".repeat(65_537));
  assert.deepEqual((await sent()).map(({ length }) => length), [65_537]);
});

test("BatchedChannel refuses a line that grows beyond its limit piece by piece", async () => {
  const [a, b] = channelPair();
  const receiver = new BatchedChannel(b, 1_000);
  await a.send(`{${"x".repeat(600)}+`);
  await a.send(`+${"x".repeat(600)}+`);
  assert.equal((await rejection(receiver.receive())).code, "resource_exhausted");
});
