// A client of grpc-js, an implementation that shares nothing with ours, against our server.
import { test } from "node:test";
import assert from "node:assert/strict";
import { fromBinary } from "@bufbuild/protobuf";
import { AnySchema, anyUnpack, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { agent, type CallOptions, delay, type Message, text } from "../../mod.ts";
import {
  ChunkType,
  ErrorSchema,
  type Response,
  ResponseType,
  type StreamChunk,
} from "../../src/gen/agent_pb.ts";
import type { HealthCheckResponse } from "../../src/gen/grpc/health/v1/health_pb.ts";
import type { ServerReflectionResponse } from "../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { type GrpcServerOptions, serveGrpc } from "../../src/transport/grpc/mod.ts";
import { peerAgent } from "./agents.ts";
import { grpcJs, JsClient, type JsStream, requestOf, status } from "./grpc_js.ts";
import { chunks, UNICODE } from "./scenarios.ts";
import { needs } from "./suite.ts";

const SUITE = "gRPC grpc-js -> TypeScript";
const to = "grpc-js -> TypeScript:";

if (await needs(SUITE, { "grpc-js": Promise.resolve(grpcJs) })) {
  test(`${to} a unary call, its fields and its message`, async () => {
    await using both = await joined();
    const response = await both.client.process(requestOf(UNICODE, { a: "b" }, "id-7"));
    assert.equal(response.version, "1.0");
    assert.equal(response.id, "id-7");
    assert.match(response.timestamp, /^20\d\d-.*Z$/);
    assert.equal(response.type, ResponseType.MESSAGE);
    assert.equal(response.message?.role, "agent");
    assert.equal(response.message?.content, `Echo: ${UNICODE}`);
    assert.equal(response.message?.metadata.original_metadata, '{"a":"b"}');
  });

  for (const content of ['{"a": 1}', "42", "null", "[]"]) {
    test(`${to} content that looks like JSON (${content}) stays text`, async () => {
      const seen: Message[] = [];
      await using both = await joined(
        {},
        agent("echo", (message) => {
          seen.push(message);
          return { content: message.content };
        }),
      );
      const { message } = await both.client.process(requestOf(content));
      assert.equal(seen[0]!.content, content);
      assert.equal(message?.content, content);
      assert.equal(message?.jsonContent, false);
    });
  }

  test(`${to} traces are read from JSON, Python's and Go's text of a map`, async () => {
    const seen: Message[] = [];
    await using both = await joined(
      {},
      agent("echo", (message) => {
        seen.push(message);
        return "x";
      }),
    );
    const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    const written = [
      JSON.stringify(trace),
      `{'traceparent': '${trace.traceparent}'}`,
      `map[traceparent:${trace.traceparent}]`,
    ];
    for (const trace_context of written) {
      await both.client.process(requestOf("x", { trace_context }));
    }
    assert.deepEqual(seen.map((message) => message.metadata.trace_context), [trace, trace, trace]);
  });

  test(`${to} a stream ends with END, a failure with ERROR, both with status OK`, async () => {
    await using both = await joined();
    const good = await read<StreamChunk>(
      both.client.processStream(requestOf("x", { behaviour: "chunks", n: "3" })),
    ).ended;
    assert.deepEqual(good.map((chunk) => chunk.type), [1, 1, 1, ChunkType.END]);
    assert.deepEqual(good.slice(0, 3).map((chunk) => chunk.message?.content), chunks(3));
    const bad = await read<StreamChunk>(
      both.client.processStream(requestOf("x", { behaviour: "midfail", n: "1" })),
    ).ended;
    assert.deepEqual(bad.map((chunk) => chunk.type), [1, ChunkType.ERROR]);
    assert.equal(bad[1]!.error?.code, "AGENT_ERROR");
    assert.equal(bad[1]!.error?.message, "the stream broke on purpose");
  });

  test(`${to} a failure is an answer for old peers, a status with details for those who ask`, async () => {
    await using both = await joined();
    const wish = requestOf("x", { behaviour: "fail", text: "no such patient" });
    const response = await both.client.process(wish);
    assert.equal(response.type, ResponseType.ERROR);
    assert.equal(response.error?.code, "AGENT_ERROR");
    assert.equal(response.error?.message, "no such patient");
    assert.equal(response.error?.details.code, "unknown");

    const asked = { metadata: { "agenkit-errors": "status" } };
    const failed = (error: unknown) => {
      const { code, details, metadata } = error as {
        code: number;
        details: string;
        metadata: { get(key: string): Uint8Array[] };
      };
      assert.equal(code, status.UNKNOWN);
      assert.equal(details, "no such patient");
      // google.rpc.Status: field 3 holds the details, each an Any.
      const [bytes] = metadata.get("grpc-status-details-bin");
      const detail = anyUnpack(fromBinary(AnySchema, detailOf(bytes!)), ErrorSchema);
      assert.equal(detail?.details.retryable, "true");
      return true;
    };
    await assert.rejects(both.client.process(wish, asked), failed);
    await assert.rejects(read(both.client.processStream(wish, asked)).ended, failed);
  });

  test(`${to} a bidirectional stream answers each request in order`, async () => {
    await using both = await joined();
    const stream = both.client.converse();
    const { ended } = read<Response>(stream);
    for (let i = 0; i < 20; i++) {
      // The first ones take longest.
      const wish = { behaviour: i === 5 ? "fail" : "sleep", ms: `${100 - i * 5}` };
      stream.write(requestOf(`m ${i}`, wish, `id-${i}`));
    }
    stream.end();
    const responses = await ended;
    assert.deepEqual(
      responses.map(({ id }) => id),
      chunks(20, "id").map((id) => id.replace(" ", "-")),
    );
    assert.equal(responses[5]!.type, ResponseType.ERROR);
    assert.equal(responses[19]!.message?.content, "Echo: m 19");
  });

  test(`${to} a bidirectional stream reads no more than may run`, async () => {
    let running = 0;
    let most = 0;
    await using both = await joined(
      { maxConcurrent: 3 },
      agent("slow", async () => {
        most = Math.max(most, ++running);
        await delay(20);
        running--;
        return "done";
      }),
    );
    const stream = both.client.converse();
    const { ended } = read<Response>(stream);
    for (let i = 0; i < 12; i++) stream.write(requestOf("x"));
    stream.end();
    assert.equal((await ended).length, 12);
    assert.equal(most, 3);
  });

  test(`${to} a deadline ends the call on both sides`, async () => {
    const left: unknown[] = [];
    await using both = await joined(
      {},
      agent("slow", async (_, call: CallOptions) => {
        await delay(20_000, { signal: call.signal! }).catch((reason) => left.push(reason));
        return "late";
      }),
    );
    await assert.rejects(both.client.process(requestOf("x"), { deadlineMs: 1_000 }), {
      code: status.DEADLINE_EXCEEDED,
    });
    for (let i = 0; i < 500 && left.length === 0; i++) await delay(20);
    assert.equal(left.length, 1);
  });

  test(`${to} a client that cancels mid-stream ends the agent`, async () => {
    const served = peerAgent();
    await using both = await joined({}, served);
    const stream = both.client.processStream(
      requestOf("x", { behaviour: "chunks", n: "1000", ms: "10" }),
    );
    const { got, ended } = read<StreamChunk>(stream);
    for (let i = 0; i < 500 && got.length < 3; i++) await delay(20);
    stream.cancel();
    await assert.rejects(ended, { code: status.CANCELLED });
    for (let i = 0; i < 500 && both.server.inFlight > 0; i++) await delay(20);
    assert.equal(both.server.inFlight, 0);
  });

  test(`${to} messages up to 4 MiB pass, larger ones are refused; gzip both ways`, async () => {
    await using both = await joined();
    using gzip = new JsClient(both.server.port, {
      "grpc.default_compression_algorithm": 2,
      "grpc.max_receive_message_length": -1,
    });
    const large = "x".repeat(3_900_000);
    for (const client of [both.client, gzip]) {
      const { message } = await client.process(requestOf(large, { behaviour: "same" }));
      assert.equal(message?.content.length, large.length);
      await assert.rejects(client.process(requestOf("x".repeat(5 << 20))), {
        code: status.RESOURCE_EXHAUSTED,
      });
    }
    const { message } = await both.client.process(requestOf("next"));
    assert.equal(message?.content, "Echo: next");
  });

  test(`${to} 100 calls at once`, async () => {
    await using both = await joined();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => both.client.process(requestOf(`m ${i}`))),
    );
    assert.deepEqual(answers.map(({ message }) => message?.content), chunks(100, "Echo: m"));
  });

  test(`${to} requests that cannot be are refused with a reason`, async () => {
    await using both = await joined();
    await assert.rejects(both.client.process({ id: "1" }), {
      code: status.INVALID_ARGUMENT,
      details: /expected a message in 'messages', got none/,
    });
    const bad = requestOf("x");
    await assert.rejects(
      both.client.process({ ...bad, messages: [{ role: "user", timestamp: "yesterday" }] }),
      { code: status.INVALID_ARGUMENT, details: /timestamp.*RFC 3339/ },
    );
  });

  test(`${to} the health service tells of draining`, async () => {
    await using both = await joined();
    const { client, server } = both;
    const check = (service: string) =>
      client.call<HealthCheckResponse>(client.health, "Check", { service });
    assert.equal((await check("")).status, 1);
    assert.equal((await check("agenkit.AgentService")).status, 1);
    await assert.rejects(check("nope"), { code: status.NOT_FOUND });
    const watch = read<HealthCheckResponse>(client.health["Watch"]!({ service: "" }));
    const running = client.process(requestOf("x", { behaviour: "sleep", ms: "2000" }));
    for (let i = 0; i < 1_000 && (watch.got.length === 0 || server.inFlight === 0); i++) {
      await delay(10);
    }
    const drained = server.drain();
    assert.equal((await check("")).status, 2);
    await assert.rejects(client.process(requestOf("x")), { code: status.UNAVAILABLE });
    assert.equal((await running).message?.content, "Echo: x");
    assert.deepEqual((await watch.ended).map((answer) => answer.status), [1, 2]);
    client[Symbol.dispose]();
    await drained;
  });

  test(`${to} the reflection service tells what is served`, async () => {
    await using both = await joined();
    const ask = async (...questions: unknown[]): Promise<ServerReflectionResponse[]> => {
      const stream = both.client.reflection["ServerReflectionInfo"]!();
      const { ended } = read<ServerReflectionResponse>(stream);
      for (const messageRequest of questions) stream.write({ host: "h", messageRequest });
      stream.end();
      return await ended;
    };
    const answers = await ask(
      { case: "listServices", value: "*" },
      { case: "fileContainingSymbol", value: "agenkit.AgentService.Process" },
      { case: "fileByFilename", value: "agent.proto" },
      { case: "fileContainingSymbol", value: "agenkit.Nothing" },
      { case: "allExtensionNumbersOfType", value: "agenkit.Message" },
      { case: "fileContainingExtension", value: { containingType: "agenkit.Message" } },
    );
    assert.deepEqual(answers.map((answer) => answer.messageResponse.case), [
      "listServicesResponse",
      "fileDescriptorResponse",
      "fileDescriptorResponse",
      "errorResponse",
      "allExtensionNumbersResponse",
      "errorResponse",
    ]);
    assert.equal(answers[0]!.validHost, "h");
    const [services, file] = answers.map((answer) => answer.messageResponse);
    assert.ok(services?.case === "listServicesResponse" && file?.case === "fileDescriptorResponse");
    assert.deepEqual(services.value.service.map(({ name }) => name), [
      "agenkit.AgentService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
    ]);
    const described = fromBinary(FileDescriptorProtoSchema, file.value.fileDescriptorProto[0]!);
    assert.equal(described.package, "agenkit");
  });

  test(`${to} reflection can be switched off`, async () => {
    await using both = await joined({ reflection: false });
    await assert.rejects(read(both.client.reflection["ServerReflectionInfo"]!()).ended, {
      code: status.UNIMPLEMENTED,
    });
  });

  test(`${to} text() of what an agent gets is what was sent`, async () => {
    let got = "";
    await using both = await joined(
      {},
      agent("echo", (message) => {
        got = text(message);
        return { content: { a: 1 }, metadata: { n: 1, s: "x" } };
      }),
    );
    const { message } = await both.client.process(requestOf("  spaced \u0000 "));
    assert.equal(got, "  spaced \u0000 ");
    assert.equal(message?.content, '{"a":1}');
    assert.deepEqual(message?.metadata, { n: "1", s: "x" });
  });
}

async function joined(options: GrpcServerOptions = {}, served = peerAgent()) {
  const server = await serveGrpc(served, { port: 0, ...options });
  const client = new JsClient(server.port);
  return {
    server,
    client,
    [Symbol.asyncDispose]: async () => {
      client[Symbol.dispose]();
      await server.close();
    },
  };
}

/** Ends when the stream does, with what came; rejects with its status. */
function read<T>(stream: Pick<JsStream<never>, "on">) {
  const got: T[] = [];
  const ended = new Promise<T[]>((resolve, reject) => {
    stream.on("data", (value: T) => got.push(value));
    stream.on("end", () => resolve(got));
    stream.on("error", reject);
  });
  return { got, ended };
}

/** Field 3 of a google.rpc.Status. */
function detailOf(bytes: Uint8Array): Uint8Array {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag >> 3 === 1) {
      varint();
      continue;
    }
    const length = varint();
    if (tag >> 3 === 3) return bytes.subarray(at, at + length);
    at += length;
  }
  throw new Error("no details");
}
