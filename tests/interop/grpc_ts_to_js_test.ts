// Our client against a server of grpc-js, an implementation that shares nothing
// with ours; it answers in the ways of Python's and Go's servers, and in worse ones.
import { test } from "node:test";
import assert from "node:assert/strict";
import { type Code, CODES } from "../../src/core/code.ts";
import { AgenkitError, collect, delay, message, RemoteError, text } from "../../mod.ts";
import { grpcAgent, type GrpcAgentOptions } from "../../src/transport/grpc/mod.ts";
import type { Request } from "../../src/gen/agent_pb.ts";
import { grpcJs, type JsHandlers, type JsOptions, jsServer, status } from "./grpc_js.ts";
import { chunks } from "./scenarios.ts";
import { needs } from "./suite.ts";

const SUITE = "gRPC TypeScript -> grpc-js";
const to = "TypeScript -> grpc-js:";

if (await needs(SUITE, { "grpc-js": Promise.resolve(grpcJs) })) {
  const joined = async (
    handlers: JsHandlers,
    options: GrpcAgentOptions = {},
    serverOptions: JsOptions = {},
  ) => {
    const server = await jsServer(handlers, serverOptions);
    const remote = grpcAgent(`grpc://127.0.0.1:${server.port}`, options);
    return {
      ...server,
      remote,
      [Symbol.asyncDispose]: async () => {
        remote.close();
        await server[Symbol.asyncDispose]();
      },
    };
  };
  const head = (request: Request) => ({
    version: "1.0",
    id: request.id,
    timestamp: "2025-11-13T08:30:00Z",
  });
  const answer = (request: Request, content: string, more = {}) => ({
    ...head(request),
    type: 1,
    message: { role: "agent", content, timestamp: "2025-11-13T08:30:00.123456789Z", ...more },
  });

  test(`${to} the fields of a request`, async () => {
    const seen: Request[] = [];
    await using both = await joined({
      process: (request) => {
        seen.push(request);
        return Promise.resolve(answer(request, "ok"));
      },
    }, { name: "echo" });
    const sent = message("user", { a: 1 }, { text: "5", number: 5 });
    const reply = await both.remote.process(sent);
    assert.equal(reply.timestamp, "2025-11-13T08:30:00.123Z");
    const [request] = seen;
    assert.equal(request!.version, "1.0");
    assert.match(request!.id, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-/);
    assert.match(request!.timestamp, /Z$/);
    assert.equal(request!.method, "process");
    assert.equal(request!.agentName, "echo");
    assert.equal(request!.messages.length, 1);
    const [first] = request!.messages;
    assert.equal(first!.content, '{"a":1}');
    assert.deepEqual(first!.metadata, { text: "5", number: "5" });
    assert.equal(first!.timestamp, sent.timestamp);
  });

  test(`${to} headers, the deadline and the wish for statuses travel along`, async () => {
    const seen: Record<string, unknown>[] = [];
    await using both = await joined({
      process: (request, call) => {
        seen.push(
          Object.fromEntries(
            ["authorization", "agenkit-errors", "grpc-timeout"].map((key) => [
              key,
              call.metadata.get(key)[0],
            ]),
          ),
        );
        return Promise.resolve(answer(request, "ok"));
      },
    }, { headers: () => ({ authorization: "Bearer t" }) });
    await both.remote.process(message("user", "x"));
    assert.equal(seen[0]!.authorization, "Bearer t");
    assert.equal(seen[0]!["agenkit-errors"], "status");
  });

  test(`${to} what Go leaves out or writes in its own way`, async () => {
    const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    await using both = await joined({
      process: (request) =>
        Promise.resolve(answer(request, "map[a:1]", {
          role: "",
          timestamp: "0001-01-01T00:00:00Z",
          metadata: { trace_context: `map[traceparent:${trace.traceparent}]`, none: "<nil>" },
        })),
    });
    const reply = await both.remote.process(message("user", "x"));
    assert.equal(reply.role, "agent");
    assert.equal(reply.content, "map[a:1]");
    assert.deepEqual(reply.metadata, { trace_context: trace, none: "<nil>" });
    assert.ok(reply.timestamp > "2026");
  });

  for (const content of ['{"a": 1}', "42", "null"]) {
    test(`${to} content ${content} stays text, and is its value if asked`, async () => {
      const handlers: JsHandlers = {
        process: (request) => Promise.resolve(answer(request, content)),
      };
      await using plain = await joined(handlers);
      assert.equal((await plain.remote.process(message("user", "x"))).content, content);
      await using parsed = await joined(handlers, { parseContent: true });
      assert.deepEqual(
        (await parsed.remote.process(message("user", "x"))).content,
        JSON.parse(content),
      );
    });
  }

  for (const code of Object.keys(CODES) as Code[]) {
    test(`${to} status ${code} keeps its code`, async () => {
      const failure = { code: CODES[code].grpc, details: "because" };
      await using both = await joined({
        process: () => Promise.reject(failure),
        processStream: (call) => void call.emit("error", failure),
      });
      const failed = (error: unknown) => {
        assert.ok(error instanceof AgenkitError);
        assert.equal(error.code, code);
        assert.match(error.message, /because/);
        return true;
      };
      await assert.rejects(both.remote.process(message("user", "x")), failed);
      await assert.rejects(collect(both.remote.stream(message("user", "x"))), failed);
    });
  }

  test(`${to} a failure in an answer, as old peers write it`, async () => {
    const error = { code: "AGENT_ERROR", message: "no such patient" };
    await using both = await joined({
      process: (request) => Promise.resolve({ ...head(request), type: 3, error }),
      processStream: (call) => {
        call.write({ ...head(call.request), type: 3, error });
        call.end();
      },
    });
    const failed = { name: "RemoteError", code: "unknown", remoteCode: "AGENT_ERROR" };
    await assert.rejects(both.remote.process(message("user", "x")), failed);
    await assert.rejects(collect(both.remote.stream(message("user", "x"))), failed);
  });

  test(`${to} streams: complete, without END, without a message, of another request`, async () => {
    const kinds: Record<string, (request: Request) => unknown[]> = {
      complete: (
        request,
      ) => [...chunks(3).map((c) => answer(request, c)), { ...head(request), type: 2 }],
      cut: (request) => [answer(request, "chunk 0")],
      hidden: (request) => [{ ...head(request), type: 1 }, { ...head(request), type: 2 }],
      other: (request) => [answer({ ...request, id: "another" }, "x")],
    };
    await using both = await joined({
      processStream: (call) => {
        for (const chunk of kinds[call.request.messages[0]!.content]!(call.request)) {
          call.write(chunk);
        }
        call.end();
      },
    });
    const read = (kind: string) => collect(both.remote.stream(message("user", kind)));
    assert.deepEqual((await read("complete")).map(text), chunks(3));
    await assert.rejects(read("cut"), { code: "unavailable", message: /ended too early/ });
    await assert.rejects(read("hidden"), { code: "internal", message: /without/ });
    await assert.rejects(read("other"), { code: "internal", message: /another/ });
  });

  test(`${to} answers that cannot be used say why`, async () => {
    const kinds: Record<string, (request: Request) => unknown> = {
      "no message": (request) => ({ ...head(request), type: 1 }),
      "a tool": (request) => ({ ...head(request), type: 2, toolResult: { success: true } }),
      "no type": (request) => head(request),
      "bad time": (request) => answer(request, "x", { timestamp: "yesterday" }),
      "bad json": (request) => answer(request, "{", { jsonContent: true }),
    };
    await using both = await joined({
      process: (request) => Promise.resolve(kinds[request.messages[0]!.content]!(request)),
    });
    for (const kind of Object.keys(kinds)) {
      await assert.rejects(both.remote.process(message("user", kind)), {
        code: "internal",
        retryable: false,
      });
    }
  });

  test(`${to} breaking out, aborting and deadlines cancel the RPC`, async () => {
    let cancelled = 0;
    let open = 0;
    await using both = await joined({
      process: () => new Promise(() => {}),
      processStream: (call) => {
        open++;
        call.on("cancelled", () => cancelled++);
        call.write(answer(call.request, "first"));
      },
    });
    for await (const chunk of both.remote.stream(message("user", "x"))) {
      assert.equal(text(chunk), "first");
      break;
    }
    const controller = new AbortController();
    const reason = new Error("enough");
    await assert.rejects(async () => {
      for await (
        const _ of both.remote.stream(message("user", "x"), { signal: controller.signal })
      ) controller.abort(reason);
    }, reason);
    await assert.rejects(
      collect(both.remote.stream(message("user", "x"), { deadline: performance.now() + 500 })),
      { code: "deadline_exceeded" },
    );
    for (let i = 0; i < 1_000 && cancelled < 3; i++) await delay(10);
    assert.equal(open, 3);
    assert.equal(cancelled, 3);
  });

  test(`${to} a chunk that does not come in time ends the stream`, async () => {
    await using both = await joined({
      processStream: (call) => void call.write(answer(call.request, "first")),
    }, { timeoutMs: 800 });
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of both.remote.stream(message("user", "x"))) {
        got.push(text(chunk));
        // The consumer's time is its own.
        await delay(1_000);
      }
    }, { name: "TimeoutError" });
    assert.deepEqual(got, ["first"]);
  });

  test(`${to} converse() sends message after message and yields answers in order`, async () => {
    await using both = await joined({
      bidirectionalStream: (call) => {
        call.on("data", (request: Request) => {
          const { content } = request.messages[0]!;
          call.write(
            content === "fail"
              ? { ...head(request), type: 3, error: { code: "AGENT_ERROR", message: "no" } }
              : answer(request, `Echo: ${content}`),
          );
        });
        call.on("end", () => call.end());
      },
    });
    // One at a time: the next question depends on the answer.
    const asked: string[] = [];
    let said = "a";
    const questions = async function* () {
      while (asked.length < 3) {
        asked.push(said);
        yield message("user", said);
      }
    };
    for await (const reply of both.remote.converse(questions(), { maxConcurrent: 1 })) {
      said = text(reply);
    }
    assert.deepEqual(asked, ["a", "Echo: a", "Echo: Echo: a"]);
    const many = chunks(50).map((content) => message("user", content));
    assert.deepEqual(
      (await collect(both.remote.converse(many))).map(text),
      chunks(50, "Echo: chunk"),
    );
    const bad = ["a", "fail", "b"].map((content) => message("user", content));
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const reply of both.remote.converse(bad)) got.push(text(reply));
    }, { remoteCode: "AGENT_ERROR" });
    assert.deepEqual(got, ["Echo: a"]);
    const own = new Error("out of questions");
    await assert.rejects(
      collect(both.remote.converse((async function* () {
        yield message("user", "a");
        throw own;
      })())),
      own,
    );
  });

  test(`${to} a server that shuts down: GOAWAY lets calls end, the next one connects anew`, async () => {
    const arrived = Promise.withResolvers<void>();
    const first = await jsServer({
      process: async (request) => {
        arrived.resolve();
        await delay(400);
        return answer(request, "before");
      },
    });
    await using remote = grpcAgent(`grpc://127.0.0.1:${first.port}`);
    const running = remote.process(message("user", "x"));
    await Promise.race([arrived.promise, running]);
    const gone = new Promise<void>((resolve) => first.server.tryShutdown(() => resolve()));
    assert.equal(text(await running), "before");
    await gone;
    await using _ = await jsServer(
      { process: (request) => Promise.resolve(answer(request, "after")) },
      {},
      first.port,
    );
    assert.equal(text(await remote.process(message("user", "x"))), "after");
  });

  test(`${to} a server killed while 50 streams run fails them all, and the next call connects anew`, async () => {
    const handlers: JsHandlers = {
      process: (request) => Promise.resolve(answer(request, "again")),
      processStream: (call) => void call.write(answer(call.request, "first")),
    };
    const first = await jsServer(handlers);
    await using remote = grpcAgent(`grpc://127.0.0.1:${first.port}`, { timeoutMs: 20_000 });
    let begun = 0;
    const streams = Array.from({ length: 50 }, async () => {
      for await (const _ of remote.stream(message("user", "x"))) begun++;
    });
    const ended = Promise.allSettled(streams);
    for (let i = 0; i < 1_000 && begun < 50; i++) await delay(10);
    assert.equal(begun, 50);
    const killed = performance.now();
    first.server.forceShutdown();
    for (const outcome of await ended) {
      assert.equal(outcome.status, "rejected");
      assert.equal(outcome.reason.code, "unavailable", String(outcome.reason));
      assert.ok(!(outcome.reason instanceof RemoteError));
    }
    assert.ok(performance.now() - killed < 10_000);
    await using _ = await jsServer(handlers, {}, first.port);
    assert.equal(text(await remote.process(message("user", "x"))), "again");
  });

  test(`${to} larger answers than allowed are refused; compressed requests are read`, async () => {
    await using both = await joined({
      process: (request) => Promise.resolve(answer(request, "x".repeat(2_000))),
    }, { maxBytes: 1_000 });
    await assert.rejects(both.remote.process(message("user", "x")), {
      code: "resource_exhausted",
      retryable: false,
    });
    await using gzip = await joined({
      process: (request) =>
        Promise.resolve(answer(request, `${request.messages[0]!.content.length}`)),
    }, { compression: true });
    assert.equal(text(await gzip.remote.process(message("user", "y".repeat(100_000)))), "100000");
  });

  test(`${to} a method that is not there is unimplemented`, async () => {
    await using both = await joined({});
    await assert.rejects(both.remote.process(message("user", "x")), { code: "unimplemented" });
    assert.equal(status.UNIMPLEMENTED, CODES.unimplemented.grpc);
  });
}
