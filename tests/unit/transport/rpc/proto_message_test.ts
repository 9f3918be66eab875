import { test } from "node:test";
import assert from "node:assert/strict";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Json, message } from "../../../../mod.ts";
import { MessageSchema } from "../../../../src/gen/agent_pb.ts";
import {
  readProtoMessage,
  writeProtoMessage,
} from "../../../../src/transport/rpc/proto_message.ts";

const wired = (sent: Parameters<typeof writeProtoMessage>[0]) =>
  fromBinary(
    MessageSchema,
    toBinary(MessageSchema, create(MessageSchema, writeProtoMessage(sent))),
  );
const peer = (fields: Record<string, unknown>) =>
  create(MessageSchema, { role: "user", content: "x", ...fields });

test("a message is the same on the other side, text that looks like JSON included", () => {
  const values: Json[] = ["", "text", '{"a": 1}', "42", "null", null, 42, true, [], { a: [1] }];
  for (const value of values) {
    const sent = message("user", value, { value, text: JSON.stringify(value), "": "x" });
    assert.deepEqual(readProtoMessage(wired(sent), "agent"), sent);
  }
});

test("writeProtoMessage() writes texts that every peer can read", () => {
  const written = writeProtoMessage(message("user", { a: 1 }, { n: 5, s: "5", z: null }));
  assert.equal(written.content, '{"a":1}');
  assert.deepEqual(written.metadata, { n: "5", s: "5", z: "null" });
});

test("writeProtoMessage() takes look-alikes, and refuses what is no message", () => {
  const written = writeProtoMessage({ role: "user", content: "x" } as never);
  assert.equal(written.content, "x");
  assert.match(written.timestamp!, /Z$/);
  assert.throws(() => writeProtoMessage({} as never), TypeError);
  assert.throws(() => writeProtoMessage({ role: "user", content: () => {} } as never), TypeError);
});

test("readProtoMessage() fills in what peers leave out", () => {
  const read = readProtoMessage(peer({ role: "", timestamp: "" }), "agent");
  assert.equal(read.role, "agent");
  assert.match(read.timestamp, /Z$/);
  assert.equal(
    readProtoMessage(peer({ timestamp: "2025-11-13T08:30:00.123456+00:00" }), "user").timestamp,
    "2025-11-13T08:30:00.123Z",
  );
  assert.ok(
    readProtoMessage(peer({ timestamp: "0001-01-01T00:00:00Z" }), "user").timestamp > "2025",
  );
});

test("readProtoMessage() keeps texts as they are, but a trace", () => {
  const metadata = { n: "5", dict: "{'a': 1}", trace_context: "{'traceparent': '00-1'}" };
  assert.deepEqual(readProtoMessage(peer({ metadata }), "user").metadata, {
    n: "5",
    dict: "{'a': 1}",
    trace_context: { traceparent: "00-1" },
  });
  const odd = { trace_context: "a text" };
  assert.deepEqual(readProtoMessage(peer({ metadata: odd }), "user").metadata, odd);
});

test("readProtoMessage() reads the values that old peers may mean, if asked to", () => {
  assert.deepEqual(readProtoMessage(peer({ content: '{"a":1}' }), "user", true).content, { a: 1 });
  assert.equal(readProtoMessage(peer({ content: "{" }), "user", true).content, "{");
});

test("readProtoMessage() refuses what cannot be, by name", () => {
  const bad: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ timestamp: "yesterday" }, /timestamp: expected an RFC 3339 date, got "yesterday"/],
    [{ content: "{", jsonContent: true }, /content: expected JSON text/],
    [{ metadata: { a: "{" }, jsonMetadata: ["a"] }, /metadata\.a: expected JSON text/],
    [{ content: '{"__proto__":1}', jsonContent: true }, /__proto__/],
    [{ content: "[".repeat(1000) + "]".repeat(1000), jsonContent: true }, /content/],
  ];
  for (const [fields, text] of bad) {
    assert.throws(() => readProtoMessage(peer(fields), "user"), {
      code: "invalid_argument",
      message: text,
    });
  }
  // A mark for a key that is not there says nothing.
  assert.deepEqual(readProtoMessage(peer({ jsonMetadata: ["a"] }), "user").metadata, {});
});
