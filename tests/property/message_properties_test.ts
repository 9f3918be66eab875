import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "./fc.ts";
import { jsonText } from "./json_text.ts";
import type { Json, JsonObject } from "../../src/core/json.ts";
import { type Message, message } from "../../src/core/message.ts";
import { decodeEnvelope } from "../../src/protocol/decode.ts";
import { type ContentMode, encodeMessage, encodeRequest } from "../../src/protocol/encode.ts";
import { writeEvent } from "../../src/protocol/sse.ts";

const ID = "9b2c0f7e-5d1a-4a53-8f0e-2f1f4c1d7a10";

const role = fc.string({ minLength: 1, unit: "binary" });
const text = fc.string({ unit: "binary", maxLength: 200 });
/** Strings that may hold half a surrogate pair, which JSON can carry. */
const units = fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes));
const key = text.filter((name) => name !== "__proto__");
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json).filter(
  (value) => !JSON.stringify(value).includes('"__proto__"'),
);
const metadata = fc.dictionary(key, json, { noNullPrototype: true }).map((value) =>
  JSON.parse(JSON.stringify(value)) as JsonObject
);
const time = fc.integer({ min: Date.UTC(2, 0), max: Date.UTC(9999, 11, 31) }).map((ms) =>
  new Date(ms).toISOString()
);
const mode = fc.constantFrom<ContentMode>("text", "json");

const messages = fc.record({ role, content: fc.oneof(text, json), metadata, timestamp: time })
  .map((init) => message(init));

/** What is left of a message on the other side of the wire. */
function travel(sent: Message, content?: ContentMode): Message {
  const wire = encodeRequest({ id: ID, method: "process", message: sent, content });
  const envelope = decodeEnvelope(wire);
  assert.equal(envelope.type, "request");
  assert.equal(envelope.id, ID);
  return envelope.type === "request" ? envelope.message : assert.fail();
}

function same(got: Message, sent: Message): void {
  const parts = ({ role, content, metadata, timestamp }: Message) =>
    jsonText({ role, content, metadata, timestamp });
  assert.equal(parts(got), parts(sent));
}

test("a message comes back from the wire as it was (property 17)", () => {
  fc.assert(fc.property(messages, mode, (sent, content) => same(travel(sent, content), sent)), {
    numRuns: 300,
  });
});

test("a message's role and content keep their types on the wire (property 18)", () => {
  fc.assert(fc.property(messages, (sent) => {
    const got = travel(sent);
    assert.equal(typeof got.role, "string");
    assert.equal(typeof got.content, typeof sent.content);
    assert.equal(Array.isArray(got.content), Array.isArray(sent.content));
  }));
});

test("metadata values keep their types on the wire (property 19)", () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true }), fc.boolean())
    .filter((value) => typeof value !== "number" || Number.isFinite(value));
  const flat = fc.dictionary(key, fc.oneof(scalar, fc.constant(null)), { noNullPrototype: true });
  fc.assert(fc.property(flat, (metadata) => {
    const got = travel(message("user", "", metadata)).metadata;
    for (const [name, value] of Object.entries(metadata)) {
      assert.equal(typeof got[name], typeof value);
      assert.ok(got[name] === value, "zero may lose its sign, nothing else changes");
    }
  }));
});

test("a message's size on the wire is bounded by its text (property 20)", () => {
  const encoder = new TextEncoder();
  fc.assert(fc.property(fc.oneof(text, units), metadata, (content, metadata) => {
    const sent = message("agent", content, metadata);
    const own = JSON.stringify(content).length + JSON.stringify(metadata).length;
    const wire = encodeMessage("response", ID, sent);
    // Three bytes at most for a UTF-16 unit as UTF-8, six for an escape of ASCII.
    assert.ok(encoder.encode(wire).byteLength <= 3 * own + 250);
    assert.ok(encoder.encode(writeEvent(wire)).byteLength <= 6 * own + 250);
  }));
});

test("empty content stays empty content (property 21)", () => {
  fc.assert(fc.property(role, metadata, (role, metadata) => {
    for (const content of ["", null, [], {}]) {
      assert.deepEqual(travel(message(role, content, metadata)).content, content);
    }
  }));
});

test("any Unicode comes back as it was, also through an event, which is all ASCII (property 22)", () => {
  const awkward = fc.constantFrom("\u0085", "\u2028", "\u2029", "\u007f", "\ufeff", "😀", "\ud800");
  const unicode = fc.array(fc.oneof(text, units, awkward)).map((parts) => parts.join(""));
  fc.assert(
    fc.property(unicode, (content) => {
      const sent = message("agent", content);
      assert.equal(travel(sent).content, content);
      const event = writeEvent(encodeMessage("stream_chunk", ID, sent));
      assert.match(event, /^data: [\x20-\x7e]+\n\n$/);
      const envelope = decodeEnvelope(event.slice("data: ".length));
      assert.equal(envelope.type === "stream_chunk" && envelope.message.content, content);
    }),
    { numRuns: 300 },
  );
});

test("timestamps keep their millisecond on the wire (property 23)", () => {
  fc.assert(fc.property(time, (timestamp) => {
    assert.equal(travel(message({ role: "user", content: "", timestamp })).timestamp, timestamp);
  }));
});

test("timestamps of any peer mean the same moment", () => {
  const peer = fc.record({
    ms: fc.integer({ min: Date.UTC(1970, 0), max: Date.UTC(2100, 0) }),
    extra: fc.stringMatching(/^[0-9]{0,6}$/),
    offset: fc.integer({ min: -14 * 60, max: 14 * 60 }),
    zulu: fc.boolean(),
  });
  fc.assert(fc.property(peer, ({ ms, extra, offset, zulu }) => {
    const shift = zulu ? 0 : offset;
    const local = new Date(ms + shift * 60_000).toISOString().slice(0, -1) + extra;
    const two = (n: number) => String(n).padStart(2, "0");
    const zone = `${shift < 0 ? "-" : "+"}${two(Math.trunc(Math.abs(shift) / 60))}:${
      two(Math.abs(shift) % 60)
    }`;
    const wire = JSON.parse(encodeRequest({
      id: ID,
      method: "process",
      message: message("user", ""),
    }));
    wire.payload.message.timestamp = local + (zulu ? "Z" : zone);
    const envelope = decodeEnvelope(JSON.stringify(wire));
    assert.equal(
      envelope.type === "request" && envelope.message.timestamp,
      new Date(ms).toISOString(),
    );
  }));
});

test("50 keys and more of metadata all come back (property 24)", () => {
  const large = fc.dictionary(key, json, { minKeys: 50, maxKeys: 80, noNullPrototype: true });
  fc.assert(
    fc.property(large, (metadata) => {
      const sent = message("user", "", JSON.parse(JSON.stringify(metadata)));
      same(travel(sent), sent);
    }),
    { numRuns: 30 },
  );
});

test("nested metadata comes back as it was (property 25)", () => {
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "medium", withCrossShrink: true },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(key, tie("tree"), { maxKeys: 3, noNullPrototype: true }),
    ),
  }));
  fc.assert(fc.property(tree, (value) => {
    const sent = message("user", "", { trace_context: value, tool_calls: [value] });
    same(travel(sent), sent);
  }));
});

test("encoding is deterministic but for the envelope's own timestamp (property 26)", () => {
  const payloadOf = (wire: string) => wire.slice(wire.indexOf('"payload":'));
  fc.assert(fc.property(messages, mode, (sent, content) => {
    const again = message({ ...sent });
    assert.equal(
      payloadOf(encodeMessage("response", ID, sent, content)),
      payloadOf(encodeMessage("response", ID, again, content)),
    );
  }));
});

test("decoding twice gives the same, and encoding what was decoded loses nothing more (property 27)", () => {
  fc.assert(fc.property(messages, mode, (sent, content) => {
    const wire = encodeRequest({ id: ID, method: "stream", message: sent, content });
    const [one, two] = [decodeEnvelope(wire), decodeEnvelope(wire)];
    assert.deepEqual(JSON.stringify(one), JSON.stringify(two));
    const got = travel(sent, content);
    same(travel(got, content), got);
  }));
});

test("a message from the wire is as immutable as one made here", () => {
  fc.assert(fc.property(messages, mode, (sent, content) => {
    const pending: unknown[] = [travel(sent, content)];
    for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
      if (typeof value !== "object" || value === null) continue;
      assert.ok(Object.isFrozen(value));
      pending.push(...Object.values(value));
    }
  }));
});
