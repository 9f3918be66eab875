import { test } from "node:test";
import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  AgenkitError,
  agent,
  createContextKey,
  createContextValues,
  message,
  neverBegan,
  text,
} from "../../../../mod.ts";
import { RequestSchema } from "../../../../src/gen/agent_pb.ts";
import { rpcHandler, type RpcHandlerOptions } from "../../../../src/transport/rpc/mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import { echoAgent, joined, pair, until } from "./agents.ts";

const PROCESS = "/agenkit.AgentService/Process";
const STREAM = "/agenkit.AgentService/ProcessStream";

interface Post {
  readonly path?: string;
  readonly type?: string;
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly options?: RpcHandlerOptions;
}

/** Sends a body to a handler; answers with the status and the body as text. */
async function post(body: BodyInit | null, init: Post = {}) {
  const { path = PROCESS, type = "application/json", headers, method = "POST", options } = init;
  const handler = rpcHandler(echoAgent(), options);
  const response = await handler(
    new Request(`http://localhost${path}`, {
      method,
      headers: { "content-type": type, ...headers },
      body: method === "POST" ? body : null,
    }),
  );
  return { response, status: response.status, body: await response.text() };
}

function codeOf(body: string): string {
  return JSON.parse(body).code;
}

const ASKED = JSON.stringify({ id: "1", messages: [{ role: "user", content: "hi" }] });

/** A request with one message, as JSON text. */
function said(fields: Record<string, unknown>): string {
  return JSON.stringify({ messages: [{ role: "user", ...fields }] });
}

function envelope(bytes: Uint8Array, { flags = 0, length = bytes.length } = {}) {
  const framed = new Uint8Array(5 + bytes.length);
  framed[0] = flags;
  new DataView(framed.buffer).setUint32(1, length);
  framed.set(bytes, 5);
  return framed;
}

function request(content: string): Uint8Array<ArrayBuffer> {
  return toBinary(
    RequestSchema,
    create(RequestSchema, { id: "1", messages: [{ role: "user", content }] }),
  );
}

test("rpcHandler() answers plain JSON, as curl sends it", async () => {
  const { status, body } = await post(ASKED);
  assert.equal(status, 200);
  const answer = JSON.parse(body);
  assert.equal(answer.id, "1");
  assert.equal(answer.version, "1.0");
  assert.equal(answer.type, "RESPONSE_TYPE_MESSAGE");
  assert.equal(answer.message.content, "hi");
});

test("rpcHandler() answers gRPC with 415 and a sentence", async () => {
  for (const type of ["application/grpc", "application/grpc+proto", "application/grpc+json"]) {
    const { status, body } = await post("x", { type });
    assert.equal(status, 415);
    assert.match(body, /does not speak gRPC/);
  }
});

test("rpcHandler() refuses wrong content types, methods and paths with a sentence", async () => {
  const wrong = await post("x", { type: "text/plain" });
  assert.equal(wrong.status, 415);
  assert.match(wrong.body, /expected application\/proto.*got text\/plain/);
  const got = await post(null, { method: "GET" });
  assert.equal(got.status, 405);
  assert.equal(got.response.headers.get("allow"), "POST");
  const missing = await post(ASKED, { path: "/agenkit.AgentService/Nope" });
  assert.equal(missing.status, 404);
  assert.match(missing.body, /no method .*Nope/);
  assert.equal(codeOf(missing.body), "unimplemented");
});

test("rpcHandler() refuses what is no message", async () => {
  for (
    const [body, type, code] of [
      ["{", "application/json", "invalid_argument"],
      ['{"id": 5}', "application/json", "invalid_argument"],
      // As connect-go has it; gRPC calls it "internal".
      [new Uint8Array([0xff, 0xff, 0xff]), "application/proto", "invalid_argument"],
      // Field 2, a string of two bytes that are not UTF-8.
      [new Uint8Array([0x12, 2, 0xc3, 0x28]), "application/proto", "invalid_argument"],
      ["{}", "application/json", "invalid_argument"],
      [said({ timestamp: "yesterday" }), "application/json", "invalid_argument"],
      [said({ content: "{", jsonContent: true }), "application/json", "invalid_argument"],
    ] as const
  ) {
    const answer = await post(body, { type });
    assert.equal(codeOf(answer.body), code, answer.body);
    assert.equal(answer.status, 400);
    assert.ok(JSON.parse(answer.body).message.length > 10, answer.body);
  }
});

test("rpcHandler() says of bytes that are no message over gRPC-Web what gRPC says", async () => {
  const { status, body, response } = await post(envelope(new Uint8Array([0xff, 0xff])), {
    type: "application/grpc-web+proto",
  });
  assert.equal(status, 200);
  assert.match(`${response.headers.get("grpc-status")} ${body}`, /^13|grpc-status: 13/);
});

test("rpcHandler() keeps the code of an agent that met such bytes elsewhere", async () => {
  const failing = agent("failing", () => {
    throw new AgenkitError("internal", "parse binary: premature EOF");
  });
  const response = await rpcHandler(failing)(
    new Request(`http://localhost${PROCESS}`, {
      method: "POST",
      headers: { "content-type": "application/json", "agenkit-errors": "status" },
      body: ASKED,
    }),
  );
  assert.equal(codeOf(await response.text()), "internal");
});

test("rpcHandler() refuses unknown compression, and what is not compressed as it says", async () => {
  const unknown = await post(ASKED, { headers: { "content-encoding": "zstd" } });
  assert.equal(codeOf(unknown.body), "unimplemented");
  assert.match(unknown.body, /gzip/);
  const broken = await post(ASKED, { headers: { "content-encoding": "gzip" } });
  assert.equal(codeOf(broken.body), "invalid_argument");
});

test("rpcHandler() refuses what is too large, also once it is decompressed", async () => {
  const large = JSON.stringify({ messages: [{ role: "user", content: "x".repeat(5000) }] });
  const options = { maxBytes: 2000 };
  const plain = await post(large, { options });
  assert.equal(codeOf(plain.body), "resource_exhausted");
  const zipped = new Blob([large]).stream().pipeThrough(new CompressionStream("gzip"));
  const bomb = await post(await new Response(zipped).arrayBuffer(), {
    options,
    headers: { "content-encoding": "gzip" },
  });
  assert.equal(codeOf(bomb.body), "resource_exhausted");
  const answer = await post(ASKED, { options: { maxBytes: 60 } });
  assert.equal(codeOf(answer.body), "resource_exhausted");
});

test("rpcHandler() refuses streams whose request is cut off, empty or two", async () => {
  const whole = envelope(request("x"));
  for (
    const [body, code] of [
      [envelope(request("x"), { length: 1000 }), "invalid_argument"],
      [whole.subarray(0, 3), "invalid_argument"],
      [new Uint8Array(), "unimplemented"],
      [new Uint8Array([...whole, ...whole]), "unimplemented"],
      [envelope(request("x"), { flags: 1 }), "internal"],
      [envelope(new Uint8Array([0xff, 0xff])), "invalid_argument"],
    ] as const
  ) {
    const { status, body: said } = await post(body, {
      path: STREAM,
      type: "application/connect+proto",
    });
    assert.equal(status, 200);
    // The end of the stream: five bytes, and what became of it as JSON.
    assert.match(said, new RegExp(`"code":"${code}"`), said);
  }
});

test("rpcHandler() takes deadlines as they come: none, far away, past, unreadable", async () => {
  const far = { "connect-timeout-ms": "9999999999" };
  const slow = JSON.stringify({ messages: [{ role: "user", content: "slow" }] });
  assert.equal((await post(slow, { headers: far })).status, 200);
  const bad = await post(ASKED, { headers: { "connect-timeout-ms": "soon" } });
  assert.equal(codeOf(bad.body), "invalid_argument");
  const hanging = JSON.stringify({ messages: [{ role: "user", content: "hang" }] });
  const past = await post(hanging, { headers: { "connect-timeout-ms": "1" } });
  assert.equal(codeOf(past.body), "deadline_exceeded");
});

test("rpcHandler() does not wait for a request that never arrives", async () => {
  const clock = new TestClock();
  const handler = rpcHandler(echoAgent(), { clock, bodyTimeoutMs: 5_000 });
  const body = new ReadableStream({ start: (c) => c.enqueue(new Uint8Array([1])) });
  const answer = handler(
    new Request(`http://localhost${PROCESS}`, {
      method: "POST",
      headers: { "content-type": "application/proto" },
      body,
      duplex: "half",
    } as RequestInit),
  );
  await until(() => clock.pending === 1, "the body to be waited for");
  await clock.advance(5_000);
  const response = await answer;
  assert.equal(codeOf(await response.text()), "deadline_exceeded");
});

test("rpcHandler() ends an agent at its own limit", async () => {
  const clock = new TestClock();
  const { remote } = pair("connect", echoAgent(), { server: { clock, maxTimeoutMs: 1_000 } });
  const call = remote.process(message("user", "hang"));
  const failed = assert.rejects(call, { code: "deadline_exceeded", message: /within 1000 ms/ });
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(100);
  }
  await failed;
});

test("rpcHandler() refuses more calls than allowed, and all while it drains", async () => {
  const { handler, remote } = pair("connect", echoAgent(), { server: { maxInFlight: 1 } });
  const controller = new AbortController();
  const hanging = remote.process(message("user", "hang"), { signal: controller.signal });
  await until(() => handler.inFlight === 1, "the call to run");
  const refused = (error: unknown) => {
    assert.ok(error instanceof AgenkitError);
    assert.equal(error.code, "unavailable");
    assert.equal(error.retryAfterMs, 1000);
    assert.equal(neverBegan(error), true);
    return true;
  };
  await assert.rejects(remote.process(message("user", "x")), refused);
  assert.equal(handler.draining, false);
  const drained = handler.drain();
  assert.equal(handler.draining, true);
  await assert.rejects(remote.process(message("user", "x")), refused);
  await assert.rejects(Array.fromAsync(remote.stream(message("user", "x"))), refused);
  controller.abort();
  await assert.rejects(hanging);
  await drained;
  assert.equal(handler.inFlight, 0);
});

test("rpcHandler() hands agents what 'context' makes of the request, or refuses it", async () => {
  const user = createContextKey("nobody");
  const who = agent("who", (_, call) => call.values!.get(user));
  const handler = rpcHandler(who, {
    context(request) {
      const token = request.headers.get("authorization");
      if (token === null) throw new AgenkitError("unauthenticated", "Who are you?");
      return createContextValues().with(user, token);
    },
  });
  const known = joined(handler, { headers: { authorization: "zo" } });
  assert.equal(text(await known.process(message("user", "x"))), "zo");
  await assert.rejects(joined(handler).process(message("user", "x")), {
    code: "unauthenticated",
    message: "Who are you?",
  });
});

test("rpcHandler() keeps tool calls from agents unless it is told to trust them", async () => {
  const metadata = { tool_calls: [{ name: "rm" }], other: 1 };
  for (const trustToolCalls of [false, true]) {
    const { remote } = pair("connect", echoAgent(), { server: { trustToolCalls } });
    const answer = await remote.process(message("user", "x", metadata));
    assert.deepEqual(answer.metadata, trustToolCalls ? metadata : { other: 1 });
  }
});

test("rpcHandler() says of failures what 'errorText' says", async () => {
  const { remote } = pair("grpc-web", echoAgent(), { server: { errorText: () => "It failed" } });
  await assert.rejects(remote.process(message("user", "fail")), { message: "It failed" });
});

test("rpcHandler() answers failures with status OK unless asked otherwise", async () => {
  const failing = JSON.stringify({ id: "1", messages: [{ role: "user", content: "fail" }] });
  const old = await post(failing);
  assert.equal(old.status, 200);
  assert.equal(JSON.parse(old.body).type, "RESPONSE_TYPE_ERROR");
  assert.equal(JSON.parse(old.body).error.code, "AGENT_ERROR");
  const asked = await post(failing, { headers: { "agenkit-errors": "status" } });
  assert.equal(asked.status, 500);
  assert.equal(codeOf(asked.body), "unknown");
  assert.equal(JSON.parse(asked.body).details[0].type, "agenkit.Error");
});

test("rpcHandler() lets only pages of allowed origins call", async () => {
  const page = { origin: "https://app.example" };
  const refused = await post(ASKED, { headers: page });
  assert.equal(refused.status, 403);
  const options = { cors: { origins: ["https://app.example"] } };
  const allowed = await post(ASKED, { headers: page, options });
  assert.equal(allowed.status, 200);
  assert.equal(allowed.response.headers.get("access-control-allow-origin"), page.origin);
  assert.match(allowed.response.headers.get("access-control-expose-headers") ?? "", /grpc-status/i);
  const asked = await post(null, { headers: page, options, method: "OPTIONS" });
  assert.equal(asked.status, 204);
  assert.match(
    asked.response.headers.get("access-control-allow-headers") ?? "",
    /connect-protocol-version.*agenkit-errors/i,
  );
});

test("rpcHandler() serves below a base path", async () => {
  const options = { basePath: "/api/" };
  assert.equal((await post(ASKED, { options, path: `/api${PROCESS}` })).status, 200);
  assert.equal((await post(ASKED, { options })).status, 404);
});

test("rpcHandler() tells of its health", async () => {
  const path = "/grpc.health.v1.Health/Check";
  const { body } = await post("{}", { path });
  assert.deepEqual(JSON.parse(body), { status: "SERVING" });
  const unknown = await post('{"service":"nope"}', { path });
  assert.equal(unknown.status, 404);
  assert.equal(codeOf(unknown.body), "not_found");
});

test("rpcHandler() refuses bad agents and options at construction, by name", () => {
  assert.throws(() => rpcHandler([]), /expected at least one agent/);
  for (
    const name of ["maxBytes", "maxTimeoutMs", "maxInFlight", "maxConcurrent", "bodyTimeoutMs"]
  ) {
    assert.throws(() => rpcHandler(echoAgent(), { [name]: 0 }), {
      name: "RangeError",
      message: new RegExp(`'${name}' must be a positive.*current value is 0`),
    });
  }
  assert.throws(() => rpcHandler(echoAgent(), { errorText: 1 as never }), /'errorText' must be/);
});
