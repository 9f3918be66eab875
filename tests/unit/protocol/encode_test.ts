import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, type AgenkitErrorOptions } from "../../../src/core/errors.ts";
import type { Code } from "../../../src/core/code.ts";
import type { Json, JsonObject } from "../../../src/core/json.ts";
import { type Message, message, type MessageInit } from "../../../src/core/message.ts";
import { decodeEnvelope } from "../../../src/protocol/decode.ts";
import {
  type ContentMode,
  encodeControl,
  encodeError,
  encodeMessage,
  encodeRequest,
  encodeStreamEnd,
} from "../../../src/protocol/encode.ts";
import type { RequestEnvelope } from "../../../src/protocol/envelope.ts";
import { writeEvent } from "../../../src/protocol/sse.ts";
import { type Vector, vectors } from "./vector.ts";
import outgoing from "./vectors/outgoing.json" with { type: "json" };

const ID = "9b2c0f7e-5d1a-4a53-8f0e-2f1f4c1d7a10";

interface EncodeVector extends Vector {
  readonly encode: "request" | "response" | "stream_chunk" | "stream_end" | "error" | "event";
  readonly arguments: Arguments;
  /** The envelope's payload, as exact JSON text with the keys in this order. */
  readonly payload?: Json;
  /** The exact text of an event. */
  readonly text?: string;
}

interface Arguments {
  readonly method?: "process" | "stream";
  readonly agentName?: string;
  readonly message?: MessageInit | string;
  readonly content?: ContentMode;
  readonly code?: Code;
  readonly streaming?: boolean;
  readonly options?: AgenkitErrorOptions;
  readonly json?: string;
}

function encoded(kind: EncodeVector["encode"], given: Arguments): string {
  const sent = () => message(given.message as MessageInit);
  switch (kind) {
    case "request":
      return encodeRequest({
        id: ID,
        method: given.method!,
        agentName: given.agentName,
        message: sent(),
        content: given.content,
      });
    case "response":
    case "stream_chunk":
      return encodeMessage(kind, ID, sent(), given.content);
    case "stream_end":
      return encodeStreamEnd(ID);
    case "error": {
      const error = new AgenkitError(given.code!, given.message as string, given.options);
      return encodeError(ID, error, given.streaming);
    }
    case "event":
      return writeEvent(given.json!);
  }
}

for (const vector of vectors<EncodeVector>(outgoing)) {
  test(`what is sent for WIRE ${vector.row}: ${vector.name}`, () => {
    const text = encoded(vector.encode, vector.arguments);
    if (vector.text !== undefined) return assert.equal(text, vector.text);
    const envelope = JSON.parse(text);
    assert.deepEqual(Object.keys(envelope), ["version", "type", "id", "timestamp", "payload"]);
    assert.equal(envelope.version, "1.0");
    assert.equal(envelope.type, vector.encode);
    assert.equal(envelope.id, ID);
    assert.match(envelope.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Math.abs(Date.now() - Date.parse(envelope.timestamp)) < 10_000);
    assert.equal(JSON.stringify(envelope.payload), JSON.stringify(vector.payload));
    assert.ok(!/[\n\r]/.test(text), "one line");
  });
}

test("encodeMessage() checks and completes messages that were not made here", () => {
  const like = (value: unknown) => encodeMessage("response", ID, value as Message);
  const { payload } = JSON.parse(like({ role: "agent", content: "x" }));
  assert.deepEqual(payload.message.metadata, {});
  assert.match(payload.message.timestamp, /Z$/);
  for (const bad of [undefined, null, "x", {}, { role: "" }, { role: 5, content: "" }]) {
    assert.throws(() => like(bad), /Cannot send the message: expected one made by message\(\)/);
  }
  assert.throws(() => like({ role: "agent", content: NaN }), /Cannot use content as JSON/);
  assert.throws(() => like({ role: "agent" }), /Cannot use content as JSON/);
  assert.throws(() => like({ role: "a", content: "", metadata: { d: 1n } }), /metadata\.d/);
});

test("encodeMessage() sends a timestamp that every peer can read, whatever it was given", () => {
  for (const timestamp of ["2026-01-02T03:04:05.678901+00:00", "yesterday", 5, undefined]) {
    const like = { role: "agent", content: "x", metadata: {}, timestamp } as unknown as Message;
    const { payload } = JSON.parse(encodeMessage("response", ID, like));
    assert.match(payload.message.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
});

test("encodeControl() writes what is reserved for registries", () => {
  const text = encodeControl("heartbeat", ID, { agent_name: "a", status: "healthy" });
  const envelope = decodeEnvelope(text);
  assert.deepEqual(envelope, {
    type: "heartbeat",
    id: ID,
    payload: { agent_name: "a", status: "healthy" },
  });
  assert.throws(() => encodeControl("register", ID, [] as unknown as JsonObject), /an object/);
});

test("encodeError() keeps to JSON when an error's details do not", () => {
  for (const details of [{ n: 1n }, { when: new Date(0) }, { n: NaN }]) {
    const error = new AgenkitError("internal", "broken", {
      details: details as unknown as JsonObject,
    });
    const { payload } = JSON.parse(encodeError(ID, error));
    assert.equal(payload.error_message, "broken");
    assert.deepEqual(payload.error_details, { code: "internal", retryable: true });
  }
});

test("encodeRequest() writes the time that is left beside the payload, where peers look at nothing", () => {
  const request = { id: ID, method: "process", message: message("user", "x") } as const;
  const sent = encodeRequest({ ...request, timeoutMs: 1500 });
  assert.equal(JSON.parse(sent).timeout_ms, 1500);
  assert.equal((decodeEnvelope(sent) as RequestEnvelope).timeoutMs, 1500);
  for (const timeoutMs of [undefined, Infinity]) {
    assert.equal("timeout_ms" in JSON.parse(encodeRequest({ ...request, timeoutMs })), false);
  }
  for (const bad of ["1s", -1, {}]) {
    const text = JSON.stringify({ ...JSON.parse(sent), timeout_ms: bad });
    assert.throws(() => decodeEnvelope(text), /Cannot read timeout_ms: expected milliseconds/);
  }
  const absent = JSON.stringify({ ...JSON.parse(sent), timeout_ms: null });
  assert.equal((decodeEnvelope(absent) as RequestEnvelope).timeoutMs, undefined);
});
