import { test } from "node:test";
import assert from "node:assert/strict";
import { fc } from "./fc.ts";
import { agent, text } from "../../mod.ts";
import { TestClock } from "../../src/testing/mod.ts";
import { ChannelServer } from "../../src/transport/channel/server.ts";
import { BatchedChannel } from "../../src/transport/websocket/batch.ts";
import { WebSocketChannel } from "../../src/transport/websocket/channel.ts";
import { MuxConnection } from "../../src/transport/websocket/mux_connection.ts";
import { ShortMessages } from "../../src/transport/websocket/short_messages.ts";
import { channelPair } from "../unit/transport/channel/pair.ts";

const echo = agent("echo", (request) => text(request));

const request = (id: string) =>
  JSON.stringify({
    version: "1.0",
    type: "request",
    id,
    payload: { method: "process", message: { role: "user", content: id, metadata: {} } },
  });

/** What a peer may send instead of what it should: near to right, and far from it. */
const junk = fc.oneof(
  fc.string(),
  fc.json(),
  fc.string().map((text) => `[${text}`),
  fc.tuple(fc.constantFrom("cancel", "credit", "ping", "x"), fc.json())
    .map(([type, rest]) => `["${type}",${rest}]`),
  fc.record({
    version: fc.constantFrom("1.0", "2.0"),
    type: fc.constantFrom("request", "response", "stream_chunk", "error", "cancel"),
    id: fc.oneof(fc.string(), fc.integer()),
    payload: fc.jsonValue(),
  }, { requiredKeys: [] }).map((value) => JSON.stringify(value)),
);

test("websocket: whatever is sent, a server answers or closes, and leaves nothing behind", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(junk, { maxLength: 20 }), fc.boolean(), async (sent, mux) => {
      const clock = new TestClock();
      const server = new ChannelServer(echo, { clock });
      const [ours, theirs] = channelPair();
      const served = mux
        ? server.serve(
          new BatchedChannel(theirs, 1e6),
          undefined,
          (channel, s, values) => new MuxConnection(channel, s, values, 10),
        )
        : server.serve(theirs);
      for (const text of sent) await ours.send(text).catch(() => {});
      await ours.send(request("last")).catch(() => {});
      let answered = false;
      for (let i = 0; i < 100 && !answered; i++) {
        const text = await ours.receive().catch(() => undefined);
        if (text === undefined) break;
        answered = text.includes('"id":"last"');
      }
      if (!answered) await served;
      ours.close();
      await served;
      assert.equal(server.inFlight, 0);
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 200 },
  );
});

test("websocket: lines come out as they went in, however they are put together and cut", async () => {
  const line = fc.oneof(
    fc.json(),
    fc.string({ unit: "grapheme", maxLength: 3_000 }).map((text) => JSON.stringify(text)),
    fc.constantFrom("[]", '["x+"]', '{"+":"+"}').map((text) => text),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(line, { maxLength: 8 }), { maxLength: 5 }),
      async (turns) => {
        const [a, b] = channelPair();
        const sender = new BatchedChannel(new ShortMessages(a, '["ping"]'), 1e6);
        const receiver = new BatchedChannel(b, 1e6);
        for (const lines of turns) await Promise.all(lines.map((text) => sender.send(text)));
        const expected = turns.flat();
        const got: string[] = [];
        while (got.length < expected.length) {
          const text = (await receiver.receive())!;
          if (text !== '["ping"]') got.push(text);
        }
        assert.deepEqual(got, expected);
      },
    ),
    { numRuns: 200 },
  );
});

test("websocket: whatever bytes come, a channel gives text, an error, or closes", async () => {
  const frame = fc.oneof(
    fc.string(),
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => bytes.slice().buffer),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 20 }), async (frames) => {
      let closes = 0;
      const channel = new WebSocketChannel(
        { bufferedAmount: 0, send: () => {}, close: () => closes++ },
        {
          maxBytes: 150,
          text: false,
          maxMessagesPerSecond: Infinity,
          peer: "the peer",
          clock: new TestClock(),
        },
      );
      for (const data of frames) channel.onMessage(data);
      channel.onClose(1000, "");
      for (let i = 0; i <= frames.length; i++) {
        const text = await channel.receive().catch((error) => {
          assert.match(error.code, /^(?:invalid_argument|resource_exhausted)$/);
          return null;
        });
        if (text === undefined) break;
      }
      assert.ok(closes <= 1);
    }),
    { numRuns: 300 },
  );
});

test("websocket: calls over one connection get their own answers, in whatever order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 12 }), async (scheduler, count) => {
      const slow = agent("slow", async (request) => {
        await scheduler.schedule(Promise.resolve());
        return `Echo: ${text(request)}`;
      });
      const server = new ChannelServer(slow, { clock: new TestClock() });
      const [ours, theirs] = channelPair();
      const served = server.serve(
        new BatchedChannel(theirs, 1e6),
        undefined,
        (channel, s, values) => new MuxConnection(channel, s, values, 100),
      );
      const client = new BatchedChannel(ours, 1e6);
      await Promise.all(Array.from({ length: count }, (_, i) => client.send(request(`${i}`))));
      const answers = new Map<string, string>();
      const reading = (async () => {
        while (answers.size < count) {
          const { id, payload } = JSON.parse((await client.receive())!);
          answers.set(id, payload.message.content);
        }
      })();
      await scheduler.waitFor(reading);
      for (const [id, content] of answers) assert.equal(content, `Echo: ${id}`);
      client.close();
      await served;
    }),
    { numRuns: 50 },
  );
});
