import assert from "node:assert/strict";
import { test } from "node:test";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { TestClock } from "../../../../src/testing/mod.ts";
import { SocketChannel } from "../../../../src/transport/socket/channel.ts";
import { rejection } from "../../rejection.ts";
import { frame, type Raw, raw, until } from "./raw.ts";

/** A channel, and the raw other end of its socket. */
async function connected(): Promise<
  { channel: SocketChannel; socket: Socket; peer: Raw; clock: TestClock } & AsyncDisposable
> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "connect");
  const peer = raw((await accepted)[0]);
  const clock = new TestClock();
  const options = { maxBytes: 1e6, frameTimeoutMs: 1000, lingerMs: 0, clock };
  return {
    channel: new SocketChannel(socket, options),
    socket,
    peer,
    clock,
    [Symbol.asyncDispose]: async () => {
      socket.destroy();
      peer.socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test("SocketChannel gives what came before the peer left, then its farewell, however late it is asked", async () => {
  await using it = await connected();
  it.peer.send("one");
  it.peer.send("two");
  it.peer.socket.end();
  assert.equal(await it.channel.receive(), "one");
  await it.channel.closed;
  await it.peer.closed;
  assert.equal(await it.channel.receive(), "two");
  assert.equal(await it.channel.receive(), undefined);
  assert.equal(await it.channel.receive(), undefined);
  assert.equal((await rejection(it.channel.send("x"))).code, "unavailable");
});

test("SocketChannel tells a frame that ends early from a farewell", async () => {
  await using it = await connected();
  it.peer.write(frame("one").subarray(0, 5));
  it.peer.socket.end();
  const error = await rejection(it.channel.receive());
  assert.equal(error.code, "unavailable");
  assert.match(error.message, /middle of a frame/);
});

test("SocketChannel reads no more than nobody takes, and goes on when somebody does", async () => {
  await using it = await connected();
  const text = "x".repeat(100_000);
  for (let i = 0; i < 20; i++) it.peer.send(text);
  await until(() => it.socket.isPaused(), "it reads no more");
  for (let i = 0; i < 20; i++) assert.equal((await it.channel.receive())!.length, text.length);
  const last = it.channel.receive();
  assert.equal(it.socket.isPaused(), false);
  it.peer.send("last");
  assert.equal(await last, "last");
});

test("SocketChannel slows its sender down, and settles all that waits when it is closed", async () => {
  await using it = await connected();
  it.peer.socket.pause();
  const text = "x".repeat(500_000);
  let sent = 0;
  const failure = (async () => {
    for (;; sent++) await it.channel.send(text);
  })().catch((error) => error);
  const received = rejection(it.channel.receive());
  let before = -1;
  while (before !== sent) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(sent < 100, `${sent} were sent to a peer that takes none`);
  it.channel.close();
  it.channel.close();
  assert.equal((await failure).code, "unavailable");
  assert.equal((await received).code, "unavailable");
  assert.equal((await rejection(it.channel.receive())).code, "unavailable");
  await it.channel.closed;
});

test("SocketChannel refuses to send what is too large, and goes on", async () => {
  await using it = await connected();
  assert.equal((await rejection(it.channel.send("x".repeat(1e6 + 1)))).code, "resource_exhausted");
  await it.channel.send('{"a":1}');
  assert.deepEqual(await it.peer.next(), { a: 1 });
});

test("SocketChannel times a frame only while somebody waits for it", async () => {
  await using it = await connected();
  it.peer.send("one");
  it.peer.write(frame("two").subarray(0, 5));
  assert.equal(await it.channel.receive(), "one");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(it.clock.pending, 0);
  assert.equal(it.channel.isReceiving, false);
  const two = it.channel.receive();
  await until(() => it.channel.isReceiving, "the frame is timed");
  await it.clock.advance(999);
  it.peer.write(frame("two").subarray(5));
  assert.equal(await two, "two");
  assert.equal(it.clock.pending, 0);
});
