import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { fc } from "./fc.ts";
import { agent } from "../../src/core/agent.ts";
import { AgenkitError } from "../../src/core/errors.ts";
import type { Json, JsonObject } from "../../src/core/json.ts";
import { message } from "../../src/core/message.ts";
import { MessageSchema, RequestSchema } from "../../src/gen/agent_pb.ts";
import { rpcAgent } from "../../src/transport/rpc/client.ts";
import { readTextMap } from "../../src/transport/rpc/peer_text.ts";
import { readProtoMessage, writeProtoMessage } from "../../src/transport/rpc/proto_message.ts";
import { rpcHandler } from "../../src/transport/rpc/server.ts";

const text = fc.string({ unit: "binary", maxLength: 100 });
const key = text.filter((name) => name !== "__proto__" && name !== "trace_context");
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json).filter(
  (value) => !JSON.stringify(value).includes('"__proto__"'),
);
const messages = fc.record({
  role: fc.string({ minLength: 1, unit: "binary" }),
  content: fc.oneof(text, json, json.map((value) => JSON.stringify(value))),
  metadata: fc.dictionary(key, fc.oneof(text, json), { noNullPrototype: true }).map((value) =>
    JSON.parse(JSON.stringify(value)) as JsonObject
  ),
}).map((init) => message(init));

test("a message is the same on the other side of the protobuf wire, whatever it holds", () => {
  fc.assert(fc.property(messages, (sent) => {
    const wire = toBinary(MessageSchema, create(MessageSchema, writeProtoMessage(sent)));
    const read = readProtoMessage(fromBinary(MessageSchema, wire), "agent");
    // As text: assert of workerd calls `propertyIsEnumerable` of what it compares.
    assert.equal(JSON.stringify(read), JSON.stringify(sent));
  }));
});

/** What Python's `repr` makes of a text, as far as these have it. */
function pythonText(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const escaped = value.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/\r/g, "\\r")
    .replace(/\t/g, "\\t").replaceAll(quote, `\\${quote}`);
  return `${quote}${escaped}${quote}`;
}

test("readTextMap() reads every map of texts that Python has made a text of", () => {
  const texts = fc.string({ maxLength: 40 }).filter((value) => value !== "__proto__");
  fc.assert(
    fc.property(fc.array(fc.tuple(texts, texts)), (entries) => {
      const written = entries.map(([name, value]) => `${pythonText(name)}: ${pythonText(value)}`);
      const read = readTextMap(`{${written.join(", ")}}`) ?? {};
      // As entries: assert of workerd calls `propertyIsEnumerable` of what it compares.
      assert.deepEqual(Object.entries(read), Object.entries(Object.fromEntries(entries)));
    }),
    { examples: [[[["propertyIsEnumerable", ""]]]] },
  );
});

test("readTextMap() never throws", () => {
  const odd = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "binary" }).map((inner) => `{${inner}}`),
    fc.string().map((inner) => `map[${inner}]`),
    fc.string({
      unit: fc.constantFrom("'", '"', "\\", ":", ",", "{", "}", " ", "a", "u", "U", "x"),
    })
      .map((inner) => `{${inner}}`),
  );
  fc.assert(fc.property(odd, (value) => void readTextMap(value)));
});

const echo = agent({
  name: "echo",
  process: (m) => m,
  async *stream(m) {
    yield m;
  },
});

test("rpcHandler() answers any bytes with a status, and leaves no call behind", async () => {
  const handler = rpcHandler(echo, { maxBytes: 10_000 });
  const request = toBinary(
    RequestSchema,
    create(RequestSchema, { id: "1", messages: [writeProtoMessage(message("user", { a: 1 }))] }),
  );
  const damaged = fc.record({
    at: fc.nat(request.length - 1),
    byte: fc.nat(255),
    cut: fc.nat(request.length),
  }).map(({ at, byte, cut }) => {
    const bytes = request.slice(0, cut);
    if (at < bytes.length) bytes[at] = byte;
    return bytes;
  });
  const path = fc.constantFrom("Process", "ProcessStream", "BidirectionalStream");
  const type = fc.constantFrom(
    "application/proto",
    "application/json",
    "application/connect+proto",
    "application/connect+json",
    "application/grpc-web",
    "application/grpc-web+json",
    "application/grpc-web-text",
    "application/grpc",
    "",
  );
  const body = fc.oneof(
    damaged,
    fc.uint8Array({ maxLength: 50 }),
    fc.json().map((t) => new TextEncoder().encode(t)),
  );
  const framed = fc.constantFrom(undefined, 0, 1, 2, 128);
  await fc.assert(
    fc.asyncProperty(path, type, body, framed, async (method, contentType, bytes, flags) => {
      const sent = flags === undefined ? bytes : new Uint8Array([
        flags,
        0,
        0,
        bytes.length >> 8,
        bytes.length & 255,
        ...bytes,
      ]);
      const response = await handler(
        new Request(`http://localhost/agenkit.AgentService/${method}`, {
          method: "POST",
          headers: { "content-type": contentType },
          body: sent as Uint8Array<ArrayBuffer>,
        }),
      );
      await response.arrayBuffer();
      assert.ok(response.status >= 200 && response.status < 600);
      assert.equal(handler.inFlight, 0);
    }),
    { numRuns: 200 },
  );
});

test("rpcAgent() makes an AgenkitError of any answer that is none", async () => {
  const type = fc.constantFrom(
    "application/proto",
    "application/connect+proto",
    "application/grpc-web+proto",
    "application/json",
    "text/html",
  );
  const status = fc.constantFrom(200, 204, 301, 400, 404, 415, 429, 500, 502, 503);
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ maxLength: 60 }).map((bytes) =>
      new Uint8Array([bytes[0] ?? 0, 0, 0, 0, bytes.length, ...bytes])
    ),
  );
  const protocol = fc.constantFrom("connect", "grpc-web");
  await fc.assert(
    fc.asyncProperty(protocol, status, type, body, async (spoken, code, contentType, bytes) => {
      const remote = rpcAgent("http://localhost", {
        protocol: spoken,
        fetch: () =>
          Promise.resolve(
            new Response(code === 204 || code === 301 ? null : bytes as Uint8Array<ArrayBuffer>, {
              status: code,
              headers: { "content-type": contentType },
            }),
          ),
      });
      const asked = message("user", "x");
      const failed = (error: unknown) => error instanceof AgenkitError;
      await assert.rejects(remote.process(asked), failed);
      await assert.rejects(Array.fromAsync(remote.stream(asked)), failed);
    }),
    { numRuns: 200 },
  );
});
