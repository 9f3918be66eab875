import { test } from "node:test";
import assert from "node:assert/strict";
import { BatchedChannel } from "../../../../src/transport/websocket/batch.ts";
import { rejection } from "../../rejection.ts";
import { channelPair } from "../channel/pair.ts";

test("BatchedChannel puts what is sent in one turn into one message, and takes it apart", async () => {
  const [a, b] = channelPair();
  const sender = new BatchedChannel(a);
  await Promise.all(["1", "2", "3"].map((text) => sender.send(text)));
  assert.equal(b.waiting, 1);
  const receiver = new BatchedChannel(b);
  assert.deepEqual(
    [await receiver.receive(), await receiver.receive(), await receiver.receive()],
    ["1", "2", "3"],
  );
  await sender.send("alone");
  assert.equal(await receiver.receive(), "alone");
  sender.close();
  assert.equal(await receiver.receive(), undefined);
});

test("BatchedChannel joins no more than 64 Ki characters, and loses none", async () => {
  const [a, b] = channelPair();
  const sender = new BatchedChannel(a);
  const texts = Array.from({ length: 10 }, (_, i) => `${i}`.repeat(20_000));
  await Promise.all(texts.map((text) => sender.send(text)));
  assert.equal(b.waiting, 4);
  const receiver = new BatchedChannel(b);
  for (const text of texts) assert.equal(await receiver.receive(), text);
});

test("BatchedChannel refuses more lines in one message than its like would send", async () => {
  const [a, b] = channelPair();
  const receiver = new BatchedChannel(b);
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

test("BatchedChannel tells every sender when the connection is lost", async () => {
  const [a] = channelPair();
  const sender = new BatchedChannel(a);
  const sends = [sender.send("1"), sender.send("2")].map(rejection);
  a.vanish();
  for (const error of await Promise.all(sends)) assert.equal(error.code, "unavailable");
});

test("BatchedChannel nudges before messages of more than 1 KiB, in bytes", async () => {
  const [a, b] = channelPair();
  const sender = new BatchedChannel(a, "nudge");
  const sent = ["x".repeat(1_024), "x".repeat(1_025), "ü".repeat(513), "ü".repeat(512)];
  for (const text of sent) await sender.send(text);
  const got: string[] = [];
  while (b.waiting > 0) got.push((await b.receive())!);
  assert.deepEqual(got, [sent[0], "nudge", sent[1], "nudge", sent[2], sent[3]]);
});
