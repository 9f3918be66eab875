import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../src/core/json.ts";
import { decodeEnvelope, EnvelopeError } from "../../../src/protocol/decode.ts";
import { assertHas, type Vector, vectors } from "./vector.ts";
import dialect from "./vectors/dialect.json" with { type: "json" };
import envelope from "./vectors/envelope.json" with { type: "json" };
import messages from "./vectors/message.json" with { type: "json" };
import payload from "./vectors/payload.json" with { type: "json" };

interface DecodeVector extends Vector {
  /** The envelope, or its text where that matters. */
  readonly input?: Json;
  readonly text?: string;
  /** What it is read as, or how it is refused. */
  readonly value?: Json;
  readonly error?: { readonly code: string; readonly text: string; readonly id: string };
}

test("decodeEnvelope() of WIRE 1.4 JSON of any language: half a surrogate pair", () => {
  const message = { role: "user", content: "\ud800", metadata: { k: "\udc00" } };
  const body = JSON.stringify({ type: "response", id: "1", payload: { message } });
  assertHas(decodeEnvelope(body), { message: { content: "\ud800", metadata: { k: "\udc00" } } });
});

for (const vector of vectors<DecodeVector>(envelope, messages, payload, dialect)) {
  const { name, row, input, text, value, error } = vector;
  test(`decodeEnvelope() of WIRE ${row}: ${name}`, () => {
    const body = text ?? JSON.stringify(input);
    if (error === undefined) return assertHas(decodeEnvelope(body), value!);
    assert.throws(() => decodeEnvelope(body), (thrown) => {
      assert.ok(thrown instanceof EnvelopeError, `${thrown}`);
      assert.equal(thrown.code, error.code);
      assert.equal(thrown.id, error.id);
      assert.ok(thrown.message.includes(error.text), thrown.message);
      assert.ok(thrown.message.length < 500, "the text stays short");
      return true;
    });
  });
}
