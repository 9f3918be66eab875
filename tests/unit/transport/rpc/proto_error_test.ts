import { test } from "node:test";
import assert from "node:assert/strict";
import { create } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { type Code, CODES } from "../../../../src/core/code.ts";
import { AgenkitError, RemoteError, TimeoutError } from "../../../../mod.ts";
import { ErrorSchema } from "../../../../src/gen/agent_pb.ts";
import {
  fromConnectError,
  readProtoError,
  toConnectError,
  writeProtoError,
} from "../../../../src/transport/rpc/proto_error.ts";

const there = (error: AgenkitError) => create(ErrorSchema, writeProtoError(error));

for (const code of Object.keys(CODES) as Code[]) {
  test(`an error with code ${code} is the same on the other side, as message and as status`, () => {
    const error = new AgenkitError(code, "It failed: 50 %", {
      retryable: true,
      retryAfterMs: 250,
      details: { text: "5", list: [1, { a: null }] },
    });
    for (
      const read of [readProtoError(there(error)), fromConnectError(toConnectError(error), "x")]
    ) {
      assert.ok(read instanceof RemoteError);
      assert.equal(read.code, code);
      assert.equal(read.message, error.message);
      assert.equal(read.retryable, true);
      assert.equal(read.retryAfterMs, 250);
      assert.deepEqual(read.details, error.details);
    }
    assert.equal(toConnectError(error).code, CODES[code].grpc);
  });
}

test("readProtoError() reads errors of old peers, and none at all", () => {
  const old = create(ErrorSchema, {
    code: "AGENT_ERROR",
    message: "no such patient",
    details: { hint: "42" },
  });
  const read = readProtoError(old);
  assert.equal(read.code, "unknown");
  assert.equal(read.remoteCode, "AGENT_ERROR");
  assert.equal(read.message, "no such patient");
  assert.deepEqual(read.details, { hint: "42" });
  assert.equal(readProtoError(undefined, "internal").code, "internal");
  // Keys of ours, with what cannot be.
  const odd = readProtoError(create(ErrorSchema, {
    code: "AGENT_ERROR",
    details: { code: "unavailable", retryable: "perhaps", retry_after_ms: "soon", details: "{" },
  }));
  assert.equal(odd.code, "unavailable");
  assert.equal(odd.retryable, true);
  assert.equal(odd.retryAfterMs, undefined);
});

test("fromConnectError() tells lost connections and deadlines from what a server says", () => {
  const of = (message: string, code: number, cause?: unknown) =>
    fromConnectError(new ConnectError(message, code, undefined, undefined, cause), "grpc://x");
  const lost = of("read ECONNRESET", 10, new Error("ECONNRESET"));
  assert.equal(lost.code, "unavailable");
  assert.match(lost.message, /Cannot reach grpc:\/\/x: read ECONNRESET/);
  assert.equal(of("http/2 stream closed with error code CANCEL (0x8)", 1).code, "unavailable");
  assert.equal(of("protocol error: missing EndStreamResponse", 3).code, "unavailable");
  const refused = of("connect ECONNREFUSED", 14, { code: "ECONNREFUSED" });
  assert.deepEqual(refused.details, { begun: false });
  assert.ok(of("too late", 4) instanceof TimeoutError);
  const said = of("no", 7);
  assert.ok(said instanceof RemoteError);
  assert.equal(said.code, "permission_denied");
  assert.equal(of("", 2).message, "grpc://x answered with status unknown");
  const large = of("message size 5 is larger than configured readMaxBytes 4", 8);
  assert.equal(large.retryable, false);
  assert.equal(of("message size 5 is larger than configured writeMaxBytes 4", 8).retryable, false);
  assert.equal(of("slow down", 8).retryable, true);
});

test("toConnectError() can send text with half a character", () => {
  const error = new AgenkitError("internal", "half \ud83d");
  assert.doesNotThrow(() => encodeURIComponent(toConnectError(error).rawMessage));
});
