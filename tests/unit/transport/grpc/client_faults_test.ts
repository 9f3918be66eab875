import { test } from "node:test";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { AgenkitError, type Code, collect, message, text } from "../../../../mod.ts";
import { grpcAgent } from "../../../../src/transport/grpc/mod.ts";
import { until } from "../rpc/agents.ts";
import { framed } from "./raw.ts";
import { type ScriptedCall, scriptedServer } from "./scripted_server.ts";

const OK = { "grpc-status": "0" };
const ask = message("user", "x");

interface Case {
  readonly script: (call: ScriptedCall) => void;
  readonly code: Code;
  readonly message?: RegExp;
}

const cases: Record<string, Case> = {
  "HTTP status 503": {
    script: ({ answer }) => answer({ headers: { ":status": 503, "content-type": "text/html" } }),
    code: "unavailable",
    message: /HTTP status 503/,
  },
  "HTTP status 401": {
    script: ({ answer }) => answer({ headers: { ":status": 401 } }),
    code: "unauthenticated",
  },
  "a web page": {
    script: ({ answer }) => answer({ headers: { "content-type": "text/html" } }),
    code: "unknown",
    message: /expected content type application\/grpc, got text\/html/,
  },
  "an encoding that was not offered": {
    script: ({ answer }) => answer({ headers: { "grpc-encoding": "br" } }),
    code: "internal",
    message: /expected encoding gzip or identity, got br/,
  },
  "a status in the headers": {
    script: ({ answer }) =>
      answer({ headers: { "grpc-status": "5", "grpc-message": "not%20h%C3%A9re" } }),
    code: "not_found",
    message: /^not hére$/,
  },
  "a status whose text cannot be decoded": {
    script: ({ answer }) => answer({ trailers: { "grpc-status": "7", "grpc-message": "100%zz" } }),
    code: "permission_denied",
    message: /^100%zz$/,
  },
  "a status whose details cannot be decoded": {
    script: ({ answer }) =>
      answer({
        trailers: { "grpc-status": "9", "grpc-message": "no", "grpc-status-details-bin": "////" },
      }),
    code: "failed_precondition",
    message: /^no$/,
  },
  "a status that details say is none": {
    script: ({ answer }) =>
      answer({ trailers: { "grpc-status": "13", "grpc-status-details-bin": "" } }),
    code: "internal",
  },
  "a status that nobody knows": {
    script: ({ answer }) => answer({ trailers: { "grpc-status": "99", "grpc-message": "new" } }),
    code: "unknown",
    message: /^new$/,
  },
  "no status": {
    script: ({ answer, response }) => answer({ body: response }),
    code: "unavailable",
    message: /ended without a status|ended before the answer did/,
  },
  "trailers without a status": {
    script: ({ answer, response }) => answer({ body: response, trailers: { other: "x" } }),
    code: "unavailable",
    message: /ended without a status/,
  },
  "half a message": {
    script: ({ answer, response }) => answer({ body: response.subarray(0, -2), trailers: OK }),
    code: "unavailable",
    message: /ended in the middle of a message/,
  },
  "no protobuf": {
    script: ({ answer }) => answer({ body: framed(new Uint8Array([0xff, 0xff])), trailers: OK }),
    code: "internal",
  },
  "a message that is too large": {
    script: ({ answer }) =>
      answer({ body: framed(new Uint8Array(3), { length: 2000 }), trailers: OK }),
    code: "resource_exhausted",
    message: /2000 bytes, which is larger than the 1000/,
  },
  "a message that is too large once it is decompressed": {
    script: ({ answer }) =>
      answer({
        headers: { "grpc-encoding": "gzip" },
        body: framed(gzipSync(new Uint8Array(5000)), { flags: 1 }),
        trailers: OK,
      }),
    code: "resource_exhausted",
  },
  "a compressed message without a word how": {
    script: ({ answer, response }) =>
      answer({ body: framed(gzipSync(response), { flags: 1 }), trailers: OK }),
    code: "internal",
    message: /compressed, and there is no header/,
  },
  "no gzip": {
    script: ({ answer }) =>
      answer({
        headers: { "grpc-encoding": "gzip" },
        body: framed(new Uint8Array([1, 2, 3]), { flags: 1 }),
        trailers: OK,
      }),
    code: "internal",
    message: /cannot be decompressed: expected gzip/,
  },
  "a reset before an answer": {
    script: ({ stream }) => stream.close(2),
    code: "unavailable",
    message: /2/,
  },
  "a reset in the middle of a message": {
    script: ({ stream, response }) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.write(response.subarray(0, 7));
      setTimeout(() => stream.close(2), 5);
    },
    code: "unavailable",
  },
};

const unaryCases: Record<string, Case> = {
  "no message": {
    script: ({ answer }) => answer({ trailers: OK }),
    code: "unimplemented",
    message: /no message/,
  },
  "two messages": {
    script: ({ answer, response }) =>
      answer({ body: new Uint8Array([...response, ...response]), trailers: OK }),
    code: "unimplemented",
    message: /more than one message/,
  },
  "a message and a failure": {
    script: ({ answer, response }) => answer({ body: response, trailers: { "grpc-status": "8" } }),
    code: "resource_exhausted",
  },
};

for (const method of ["process", "stream"] as const) {
  const all = Object.entries(method === "process" ? { ...cases, ...unaryCases } : cases);
  for (const [name, { script, code, message: expected }] of all) {
    test(`grpcAgent().${method}() makes an error of ${name}, and calls on`, async () => {
      let calls = 0;
      await using server = await scriptedServer((call) => {
        if (calls++ === 0) return script(call);
        call.answer({
          body: method === "process"
            ? call.response
            : new Uint8Array([...call.chunk("good"), ...call.chunk("")]),
          trailers: OK,
        });
      });
      await using remote = grpcAgent(server.url, { maxBytes: 1000 });
      const said = async () =>
        method === "process"
          ? text(await remote.process(ask))
          : (await collect(remote.stream(ask))).map(text).join();
      await assert.rejects(said(), (error) => {
        assert.ok(error instanceof AgenkitError, String(error));
        assert.equal(error.code, code, String(error));
        assert.match(error.message, expected ?? /./);
        return true;
      });
      assert.equal(await said(), "good");
    });
  }
}

test("grpcAgent() hands on the chunks that came before a failure", async () => {
  await using server = await scriptedServer(({ answer, chunk }) =>
    answer({
      body: new Uint8Array([...chunk("a"), ...chunk("b")]),
      trailers: { "grpc-status": "10", "grpc-message": "no more" },
    })
  );
  await using remote = grpcAgent(server.url);
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const chunk of remote.stream(ask)) seen.push(text(chunk));
  }, { code: "aborted", message: "no more" });
  assert.deepEqual(seen, ["a", "b"]);
});

test("grpcAgent() tells a server that it reads no further", async () => {
  await using server = await scriptedServer(({ stream, chunk }) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write(chunk("a"));
    stream.write(framed(new Uint8Array(3), { length: 0xffffffff }));
  });
  await using remote = grpcAgent(server.url);
  await assert.rejects(collect(remote.stream(ask)), { code: "resource_exhausted" });
  for await (const _ of remote.stream(ask)) break;
  await until(() => server.resets.length === 2, "both streams to be reset");
  assert.deepEqual(server.resets, [8, 8]);
});
