import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, agent, message, text } from "../../mod.ts";
import { decodeEnvelope } from "../../src/protocol/decode.ts";
import { encodeRequest } from "../../src/protocol/encode.ts";
import { TestClock } from "../../src/testing/mod.ts";
import { ChannelServer } from "../../src/transport/channel/server.ts";
import { channelPair } from "../unit/transport/channel/pair.ts";
import { fc } from "./fc.ts";

/** Answers, fails, or streams some chunks and perhaps fails, as the text says. */
const inner = agent({
  name: "inner",
  process: (m) => {
    if (text(m) === "fail") throw new AgenkitError("not_found", "failed");
    return text(m);
  },
  async *stream(m) {
    for (let i = 0; i < text(m).length; i++) yield `${i}`;
    if (text(m) === "fail") throw new AgenkitError("not_found", "failed");
  },
});

const contents = fc.constantFrom("", "a", "abc", "fail");
/** What a client may send, and under which id it is answered. */
const sendings = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("process" as const), content: contents }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("stream" as const), content: contents }),
    },
    fc.record({ kind: fc.constant("raw" as const), content: fc.oneof(fc.json(), fc.string()) }),
  ),
  { maxLength: 12 },
);

/** The types of the envelopes that answer one request. */
function expected({ kind, content }: { kind: string; content: string }): string[] {
  if (kind === "raw") return ["error"];
  if (kind === "process") return [content === "fail" ? "error" : "response"];
  const chunks = Array.from(content, () => "stream_chunk");
  return [...chunks, content === "fail" ? "error" : "stream_end"];
}

test("ChannelServer answers whatever comes, in order, each under its id, and leaves nothing behind", async () => {
  await fc.assert(fc.asyncProperty(
    sendings,
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 1, max: 4 }),
    async (sent, capacity, maxQueued) => {
      const clock = new TestClock();
      const server = new ChannelServer(inner, { clock, maxQueued });
      const [client, end] = channelPair({ capacity });
      const served = server.serve(end);
      const sending = (async () => {
        for (const [index, { kind, content }] of sent.entries()) {
          await client.send(
            kind === "raw" ? content : encodeRequest({
              id: `id-${index}`,
              method: kind,
              message: message("user", content),
            }),
          );
        }
      })();
      for (const [index, one] of sent.entries()) {
        for (const type of expected(one)) {
          const envelope = decodeEnvelope((await client.receive())!);
          assert.equal(envelope.type, type);
          if (one.kind !== "raw") assert.equal(envelope.id, `id-${index}`);
        }
      }
      await sending;
      client.close();
      await served;
      assert.equal(server.inFlight, 0);
      assert.equal(server.connections, 0);
      assert.equal(clock.pending, 0);
    },
  ));
});

test("ChannelServer aborts what runs, whenever its client leaves", async () => {
  await fc.assert(fc.asyncProperty(
    sendings,
    fc.nat({ max: 60 }),
    fc.constantFrom("close" as const, "vanish" as const),
    async (sent, ticks, leave) => {
      let running = 0;
      const hanging = agent({
        name: "hanging",
        process: (_, { signal }) => {
          running++;
          return new Promise<never>((_, reject) => {
            signal!.addEventListener("abort", () => {
              running--;
              reject(signal!.reason);
            });
          });
        },
        async *stream(m) {
          running++;
          try {
            for (let i = 0; i < 3; i++) yield text(m);
            await null;
          } finally {
            running--;
          }
        },
      });
      const clock = new TestClock();
      const server = new ChannelServer(hanging, { clock });
      const [client, end] = channelPair({ capacity: 2 });
      const served = server.serve(end);
      for (const [index, { kind, content }] of sent.entries()) {
        const id = `id-${index}`;
        const request = kind === "raw"
          ? content
          : encodeRequest({ id, method: kind, message: message("user", content) });
        client.send(request).catch(() => {});
      }
      for (let i = 0; i < ticks; i++) await null;
      client[leave]();
      await served;
      for (let i = 0; i < 50; i++) await null;
      assert.equal(running, 0);
      assert.equal(server.inFlight, 0);
      assert.equal(clock.pending, 0);
    },
  ));
});
