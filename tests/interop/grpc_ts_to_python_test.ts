// Our gRPC client against a gRPC server of the published Python agenkit: rows
// 19 to 30 of the peers' own tests between languages, and what those leave out.
import { test } from "node:test";
import assert from "node:assert/strict";
import {
  collect,
  delay,
  type Json,
  type JsonObject,
  message,
  RemoteError,
  text,
} from "../../mod.ts";
import { toJson } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_agent } from "../../src/gen/agent_pb.ts";
import { grpcAgent, type GrpcAgentOptions } from "../../src/transport/grpc/mod.ts";
import { grpcUrl, pythonGrpcServer } from "./grpc_peers.ts";
import { chunks, freePort, NESTED, SEPARATORS, UNICODE } from "./scenarios.ts";
import { Lazy, needs } from "./suite.ts";
import { pythonWithAgenkit, run } from "./toolchain.ts";

const SUITE = "gRPC TypeScript -> Python";
const found = await needs(SUITE, { python: pythonWithAgenkit() });

if (found) {
  const server = new Lazy(() => pythonGrpcServer(found.python));
  const unary = new Lazy(() => pythonGrpcServer(found.python, "--agent", "unary"));
  const duck = new Lazy(() => pythonGrpcServer(found.python, "--agent", "duck"));
  const to = "TypeScript -> python over gRPC:";
  const remote = async (options: GrpcAgentOptions = {}, peer = server) =>
    grpcAgent(grpcUrl(await peer.get()), { name: "echo", ...options });
  const ask = (content: Json, metadata: JsonObject = {}) => message("user", content, metadata);
  const behave = (behaviour: string, more: JsonObject = {}) => ask("x", { behaviour, ...more });

  test(`${to} the definition is theirs, with fields from 100 on added`, async () => {
    const script = new URL("./python/describe_proto.py", import.meta.url).pathname;
    const printed = await run(found.python, [script]);
    assert.ok(printed.ok, printed.stderr);
    assert.deepEqual(
      shapeOf(toJson(FileDescriptorProtoSchema, file_agent.proto)),
      shapeOf(JSON.parse(printed.stdout)),
    );
  });

  test(`${to} rows 19 and 24, a basic message`, async () => {
    await using agent = await remote();
    const reply = await agent.process(ask("Hello"));
    assert.equal(reply.role, "agent");
    assert.equal(text(reply), "Echo: Hello");
    assert.equal(reply.metadata.language, "python");
    assert.equal(reply.metadata.original_content, "Hello");
    assert.match(reply.timestamp, /^20\d\d-/);
  });

  test(`${to} rows 20 and 25, nested metadata arrives as text`, async () => {
    await using agent = await remote();
    const reply = await agent.process(ask("Hello", NESTED));
    const seen = String(reply.metadata.original_metadata);
    // What Python makes of a map of texts; the texts in it are our JSON.
    for (const [key, value] of Object.entries(NESTED)) {
      assert.ok(seen.includes(`'${key}': `), seen);
      assert.ok(seen.includes(JSON.stringify(value)), seen);
    }
  });

  for (const content of [UNICODE, SEPARATORS, "", "not json {"]) {
    test(`${to} rows 21 and 26, ${JSON.stringify(content).slice(0, 30)}`, async () => {
      await using agent = await remote();
      assert.equal(text(await agent.process(ask(content))), `Echo: ${content}`);
    });
  }

  test(`${to} rows 22 and 27, a message of 1 MiB`, async () => {
    await using agent = await remote();
    const large = "x".repeat(1 << 20);
    const reply = await agent.process(ask(large));
    assert.equal(text(reply).length, large.length + "Echo: ".length);
    assert.equal(String(reply.metadata.original_content).length, large.length);
  });

  test(`${to} row 23, 5 calls in order; row 29, 10 on one connection`, async () => {
    await using agent = await remote();
    for (let i = 0; i < 10; i++) {
      assert.equal(text(await agent.process(ask(`message ${i}`))), `Echo: message ${i}`);
    }
  });

  test(`${to} row 28, 50 calls at once on one connection`, async () => {
    await using agent = await remote();
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => agent.process(ask(`at once ${i}`))),
    );
    assert.deepEqual(replies.map(text), replies.map((_, i) => `Echo: at once ${i}`));
  });

  test(`${to} row 30, nobody listens`, async () => {
    await using agent = grpcAgent(`grpc://127.0.0.1:${await freePort()}`);
    await assert.rejects(agent.process(ask("x")), { code: "unavailable", retryable: true });
  });

  for (const count of [0, 1, 10, 150]) {
    test(`${to} a stream of ${count} chunks in order`, async () => {
      await using agent = await remote();
      const got = await collect(agent.stream(behave("chunks", { n: count })));
      assert.deepEqual(got.map(text), chunks(count));
      assert.deepEqual(
        got.map((chunk) => chunk.metadata.index),
        chunks(count).map((_, i) => `${i}`),
      );
    });
  }

  test(`${to} chunks arrive as they are made, and breaking out leaves the agent`, async () => {
    await using agent = await remote();
    const stats = async () =>
      JSON.parse(text(await agent.process(behave("stats")))) as Record<string, number>;
    const before = await stats();
    let got = 0;
    for await (const _ of agent.stream(behave("chunks", { n: 1000, ms: 20 }))) {
      if (++got === 3) break;
    }
    for (let i = 0; i < 500 && (await stats()).left === before.left; i++) await delay(20);
    assert.equal((await stats()).left, before.left! + 1);
  });

  test(`${to} a unary call after a stream, on one connection`, async () => {
    await using agent = await remote();
    await collect(agent.stream(behave("chunks", { n: 2 })));
    assert.equal(text(await agent.process(ask("after"))), "Echo: after");
  });

  test(`${to} the agent fails`, async () => {
    await using agent = await remote();
    const failed = (error: unknown) => {
      assert.ok(error instanceof RemoteError);
      assert.equal(error.code, "unknown");
      assert.equal(error.remoteCode, "AGENT_ERROR");
      assert.match(error.message, /no such patient/);
      return true;
    };
    const wish = behave("fail", { text: "no such patient" });
    await assert.rejects(agent.process(wish), failed);
    await assert.rejects(collect(agent.stream(wish)), failed);
  });

  test(`${to} an error in the middle of a stream comes after its chunks`, async () => {
    await using agent = await remote();
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of agent.stream(behave("midfail", { n: 3 }))) got.push(text(chunk));
    }, { remoteCode: "AGENT_ERROR", message: "the stream broke on purpose" });
    assert.deepEqual(got, chunks(3));
  });

  test(`${to} content of every JSON type comes back as its text, or as its value if asked`, async () => {
    await using asText = await remote();
    await using asValue = await remote({ parseContent: true });
    for (const value of [{ a: [1, { b: null }] }, [1, "x"], 42, 0.5, true, null]) {
      // Python reads our JSON text, and writes it in its own way.
      const same = ask(value, { behaviour: "same" });
      assert.deepEqual(JSON.parse(text(await asText.process(same))), value);
      assert.deepEqual((await asValue.process(same)).content, value);
    }
    assert.equal((await asValue.process(ask("plain", { behaviour: "same" }))).content, "plain");
  });

  test(`${to} a trace comes back whole, though Python makes a text of it`, async () => {
    await using agent = await remote();
    const trace = {
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      tracestate: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
    };
    const reply = await agent.process(ask("x", { trace_context: trace }));
    assert.deepEqual(reply.metadata.trace_context, trace);
  });

  test(`${to} an agent without a stream of its own fails in the stream; a duck answers whole`, async () => {
    await using bare = await remote({}, unary);
    await assert.rejects(collect(bare.stream(ask("x"))), { remoteCode: "AGENT_ERROR" });
    await using whole = await remote({}, duck);
    assert.deepEqual((await collect(whole.stream(ask("x")))).map(text), ["Echo: x"]);
  });

  test(`${to} converse() is unimplemented`, async () => {
    await using agent = await remote();
    await assert.rejects(collect(agent.converse([ask("x")])), { code: "unimplemented" });
  });

  test(`${to} deadlines and aborts end a call at once`, async () => {
    await using agent = await remote();
    const started = performance.now();
    const slow = behave("sleep", { ms: 20_000 });
    await assert.rejects(agent.process(slow, { deadline: performance.now() + 200 }), {
      code: "deadline_exceeded",
    });
    const reason = new Error("enough");
    await assert.rejects(agent.process(slow, { signal: abortsIn(200, reason) }), reason);
    assert.ok(performance.now() - started < 10_000);
    assert.equal(text(await agent.process(ask("next"))), "Echo: next");
  });

  test(`${to} what is larger than 4 MiB is refused on either side`, async () => {
    await using agent = await remote();
    await assert.rejects(agent.process(ask("x".repeat(5 << 20))), {
      code: "resource_exhausted",
      retryable: false,
    });
    await using generous = await remote({ maxBytes: 10 << 20 });
    await assert.rejects(generous.process(ask("x".repeat(5 << 20))), {
      name: "RemoteError",
      code: "resource_exhausted",
    });
    await assert.rejects(agent.process(behave("blob", { n: 5 << 20 })), {
      code: "resource_exhausted",
    });
    const large = await agent.process(behave("blob", { n: 3_900_000 }));
    assert.equal(text(large).length, 3_900_000);
  });

  test(`${to} a server that is killed fails its calls, and the next one connects anew`, async () => {
    const peer = await server.get();
    await using agent = await remote();
    const running = agent.process(behave("sleep", { ms: 20_000 }));
    const begun = Promise.withResolvers<void>();
    const stream = (async () => {
      for await (const _ of agent.stream(behave("chunks", { n: 1000, ms: 50 }))) begun.resolve();
    })();
    const ended = Promise.allSettled([running, stream]);
    await Promise.race([begun.promise, ended]);
    await peer.restart();
    for (const outcome of await ended) {
      assert.equal(outcome.status, "rejected");
      assert.equal(outcome.reason.code, "unavailable", String(outcome.reason));
    }
    assert.equal(text(await agent.process(ask("again"))), "Echo: again");
  });

  test(`${SUITE} end`, async () => {
    for (const peer of [server, unary, duck]) await peer.stop();
  });
}

/** Messages, enums and services of a definition, without what only we have. */
// deno-lint-ignore no-explicit-any
function shapeOf({ package: name, enumType, service, messageType }: any): unknown {
  const peers = JSON.stringify(
    { name, enumType, service, messageType },
    (key, value) =>
      key === "jsonName"
        ? undefined
        : key === "field"
        ? value.filter(({ number }: { number: number }) => number < 100)
        : value,
  );
  return JSON.parse(peers);
}

function abortsIn(ms: number, reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), ms);
  return controller.signal;
}
