import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  agent,
  createContextKey,
  createContextValues,
  type Message,
  text,
} from "../../../../mod.ts";
import { httpHandler } from "../../../../src/transport/http/mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import { envelope, errorOf, eventsOf, post } from "./helpers.ts";

const echo = agent({
  name: "echo",
  capabilities: ["echo"],
  process: (m) => `Echo: ${text(m)}`,
  async *stream(m) {
    for (const word of text(m).split(" ")) yield word;
  },
});
const plain = agent("plain", (m) => text(m));
const get = (path: string, init?: RequestInit) => new Request(`http://localhost${path}`, init);

test("httpHandler() answers /process with a response envelope of the request's id", async () => {
  const response = await httpHandler(echo)(post("/process", envelope()));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  const body = await response.json();
  assert.deepEqual(Object.keys(body), ["version", "type", "id", "timestamp", "payload"]);
  assert.equal(body.type, "response");
  assert.equal(body.id, "req-1");
  const { message } = body.payload;
  assert.deepEqual(Object.keys(message), ["role", "content", "metadata", "timestamp"]);
  assert.equal(message.role, "agent");
  assert.equal(message.content, "Echo: hi");
  assert.deepEqual(message.metadata, {});
});

test("httpHandler() answers a raw request without version, type, id, method and timestamps", async () => {
  const body = '{"payload":{"message":{"role":"user","content":"hi","metadata":null}}}';
  const response = await httpHandler(echo)(post("/process", body));
  assert.equal(response.status, 200);
  const answer = await response.json();
  assert.equal(answer.id, "unknown");
  assert.equal(answer.payload.message.content, "Echo: hi");
});

test("httpHandler() takes bodies without a type, of text, and of JSON types", async () => {
  const handler = httpHandler(echo);
  for (
    const type of [
      "text/plain;charset=UTF-8",
      "application/json; charset=utf-8",
      "application/a+json",
    ]
  ) {
    const request = post("/process", envelope(), { headers: { "content-type": type } });
    assert.equal((await handler(request)).status, 200, type);
  }
  const bytes = new TextEncoder().encode(envelope());
  const untyped = new Request("http://localhost/process", { method: "POST", body: bytes });
  assert.equal(untyped.headers.get("content-type"), null);
  assert.equal((await handler(untyped)).status, 200);
});

test("httpHandler() refuses compressed bodies with 415, and says what it takes", async () => {
  const handler = httpHandler(echo);
  for (const coding of ["gzip", "br", "GZIP", "identity, gzip", "x-own"]) {
    for (const path of ["/process", "/stream", "/agents/echo/process"]) {
      const request = post(path, envelope(), { headers: { "content-encoding": coding } });
      const response = await handler(request);
      assert.equal(response.headers.get("accept-encoding"), "identity");
      const error = await errorOf(response, 415, "INVALID_MESSAGE");
      assert.equal(
        error.error_message,
        `Cannot read a body with the content encoding "${coding}": expected it uncompressed, ` +
          "with no content-encoding",
      );
    }
  }
  for (const coding of ["", "identity", "Identity"]) {
    const request = post("/process", envelope(), { headers: { "content-encoding": coding } });
    assert.equal((await handler(request)).status, 200, coding);
  }
});

test("httpHandler() refuses other types with 415, and says a sentence about gRPC", async () => {
  const handler = httpHandler(echo);
  for (
    const type of ["application/x-www-form-urlencoded", "multipart/form-data", "application/xml"]
  ) {
    const request = post("/process", envelope(), { headers: { "content-type": type } });
    const error = await errorOf(await handler(request), 415, "INVALID_MESSAGE");
    assert.match(error.error_message, new RegExp(`expected application/json`));
  }
  const grpc = post("/process", "", { headers: { "content-type": "application/grpc+proto" } });
  const error = await errorOf(await handler(grpc), 415, "INVALID_MESSAGE");
  assert.match(error.error_message, /does not speak gRPC/);
});

test("httpHandler() refuses malformed requests with 400, the path and the id", async () => {
  const handler = httpHandler(echo);
  const message = { role: "user", content: "hi", metadata: {} };
  const cases: [string, RegExp, string][] = [
    ["", /expected JSON/, "unknown"],
    ["{", /expected JSON/, "unknown"],
    ["[]", /the envelope: expected an object, got an array/, "unknown"],
    ["null", /the envelope: expected an object, got null/, "unknown"],
    [envelope({ version: "2.0" }), /version: expected "1\.0", got "2\.0"/, "req-1"],
    [envelope({ type: "nonsense" }), /type: expected .*, got "nonsense"/, "req-1"],
    [envelope({ type: "stream_end", payload: {} }), /type: expected "request"/, "req-1"],
    [envelope({ id: { a: 1 } }), /id: expected a string, got an object/, "unknown"],
    [envelope({ payload: null }), /payload: expected an object, got null/, "req-1"],
    [envelope({ payload: undefined }), /payload: expected an object, got nothing/, "req-1"],
    [envelope({ payload: {} }), /payload\.message: expected an object, got nothing/, "req-1"],
    [envelope({ payload: { message: "hi" } }), /payload\.message: .* got "hi"/, "req-1"],
    [
      envelope({ payload: { message: { ...message, role: 7 } } }),
      /message\.role: expected a string, got 7/,
      "req-1",
    ],
    [envelope({ payload: { message: { role: "user" } } }), /message\.content/, "req-1"],
    [
      envelope({ payload: { message: { ...message, metadata: [] } } }),
      /message\.metadata: expected an object, got an array/,
      "req-1",
    ],
    [
      envelope({ payload: { message: { ...message, timestamp: "yesterday" } } }),
      /message\.timestamp: expected an RFC 3339 date, got "yesterday"/,
      "req-1",
    ],
    [
      envelope({ payload: { message: { ...message, metadata: JSON.parse('{"__proto__":1}') } } }),
      /__proto__/,
      "req-1",
    ],
  ];
  for (const path of ["/process", "/stream"]) {
    for (const [body, expected, id] of cases) {
      const error = await errorOf(await handler(post(path, body)), 400, "INVALID_MESSAGE");
      assert.match(error.error_message, expected);
      assert.equal(error.id, id, body);
      assert.equal(error.error_details.code, "invalid_argument");
    }
  }
  assert.equal((await handler(post("/process", envelope()))).status, 200, "the next one works");
});

test("httpHandler() refuses bytes that are not UTF-8", async () => {
  const handler = httpHandler(echo);
  const head = new TextEncoder().encode('{"payload":{"message":{"role":"user","content":"');
  const tail = new TextEncoder().encode('","metadata":{}}}}');
  const body = new Uint8Array([...head, 0xff, 0xfe, ...tail]);
  for (const headers of [{ "content-length": String(body.length) }, {}]) {
    const error = await errorOf(
      await handler(post("/process", body, { headers })),
      400,
      "INVALID_MESSAGE",
    );
    assert.match(error.error_message, /expected UTF-8/);
  }
  const legal = envelope({
    payload: { message: { role: "user", content: "\ufffd", metadata: {} } },
  });
  const length = String(new TextEncoder().encode(legal).length);
  const response = await handler(
    post("/process", legal, { headers: { "content-length": length } }),
  );
  assert.equal((await response.json()).payload.message.content, "Echo: \ufffd");
});

test("httpHandler() refuses what is deeper than any peer writes", async () => {
  const deep = "[".repeat(20_000) + "]".repeat(20_000);
  const body = `{"payload":{"message":{"role":"user","content":${deep},"metadata":{}}}}`;
  const error = await errorOf(
    await httpHandler(echo)(post("/process", body)),
    400,
    "INVALID_MESSAGE",
  );
  assert.match(error.error_message, /at most 500 levels of nesting/);
});

test("httpHandler() takes 10 MiB and refuses a byte more with 413, with and without a length", async () => {
  const limit = 10 * 1024 * 1024;
  const handler = httpHandler(agent("length", (m) => String(text(m).length)));
  const frame = envelope({ payload: { message: { role: "user", content: "", metadata: {} } } });
  const [head, tail] = frame.split('"content":""');
  const room = limit - frame.length;
  const sized = (extra: number) => `${head}"content":"${"x".repeat(room + extra)}"${tail}`;
  assert.equal((await handler(post("/process", sized(0)))).status, 200);
  for (const headers of [{}, { "content-length": String(limit + 1) }]) {
    const response = await handler(post("/process", sized(1), { headers }));
    const error = await errorOf(response, 413, "RESOURCE_EXHAUSTED");
    assert.match(error.error_message, /too large: expected at most 10485760 bytes/);
    assert.equal(error.error_details.retryable, false);
  }
});

test("httpHandler() refuses a body that does not arrive in time with 408", async () => {
  const clock = new TestClock();
  const handler = httpHandler(echo, { clock, bodyTimeoutMs: 5000 });
  const never = new ReadableStream({ pull: () => new Promise(() => {}) });
  const waiting = handler(post("/process", never, { duplex: "half" } as RequestInit));
  await clock.advance(5000);
  const error = await errorOf(await waiting, 408, "AGENT_TIMEOUT");
  assert.match(error.error_message, /did not arrive within 5000 ms/);
  assert.equal(handler.inFlight, 0);
});

test("httpHandler() answers unknown paths with 404 and other methods with 405 and Allow", async () => {
  const handler = httpHandler(echo);
  const missing = await errorOf(await handler(get("/nope")), 404, "AGENT_NOT_FOUND");
  assert.match(missing.error_message, /nothing at \/nope: expected \/process/);
  const agentless = await handler(post("/agents/ghost/process", envelope()));
  assert.match((await errorOf(agentless, 404, "AGENT_NOT_FOUND")).error_message, /"ghost".*echo/);
  const wrong = await handler(get("/process"));
  assert.equal(wrong.headers.get("allow"), "POST");
  await errorOf(wrong, 405, "NOT_IMPLEMENTED");
  const options = await handler(get("/process", { method: "OPTIONS" }));
  assert.equal(options.status, 405, "no CORS until asked for");
  assert.equal(options.headers.get("access-control-allow-origin"), null);
  const deleted = await handler(get("/health", { method: "DELETE" }));
  assert.equal(deleted.headers.get("allow"), "GET, HEAD");
  assert.equal(deleted.status, 405);
});

test("httpHandler() tells of its health and its agents, also to HEAD", async () => {
  const handler = httpHandler([echo, plain]);
  assert.deepEqual(await (await handler(get("/health"))).json(), { status: "ok" });
  assert.deepEqual(await (await handler(get("/live"))).json(), { status: "ok" });
  assert.deepEqual(await (await handler(get("/ready"))).json(), { status: "ready" });
  const head = await handler(get("/health", { method: "HEAD" }));
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
  assert.deepEqual(await (await handler(get("/agents"))).json(), {
    default: "echo",
    agents: [
      { name: "echo", capabilities: ["echo"], streaming: true },
      { name: "plain", capabilities: [], streaming: false },
    ],
  });
  assert.equal((await (await handler(get("/agents/plain"))).json()).name, "plain");
  assert.equal((await handler(get("/agents/ghost"))).status, 404);
});

test("httpHandler() chooses by path, by agent_name, or the default", async () => {
  const named = (name: string) => agent(name, () => name);
  const handler = httpHandler([named("a"), named("b c")], { defaultAgent: "b c" });
  const ask = async (path: string, agent_name?: string) => {
    const payload = { agent_name, message: { role: "user", content: "", metadata: {} } };
    const response = await handler(post(path, envelope({ payload })));
    return (await response.json()).payload.message.content;
  };
  assert.equal(await ask("/process"), "b c");
  assert.equal(await ask("/process", "a"), "a");
  assert.equal(await ask("/process", "whatever a peer calls it"), "b c");
  assert.equal(await ask("/agents/a/process"), "a");
  assert.equal(await ask("/agents/b%20c/process", "a"), "b c", "the path is stronger");
});

test("httpHandler() serves below a base path, and forgives doubled slashes", async () => {
  const handler = httpHandler(echo, { basePath: "/api/" });
  assert.equal((await handler(get("/api/health"))).status, 200);
  assert.equal((await handler(get("/health"))).status, 404);
  assert.equal((await handler(post("/api//process?x=1", envelope()))).status, 200);
});

test("httpHandler() sends chunks, then the end, as events of one ASCII line each", async () => {
  const unicode = agent("unicode", async function* () {
    yield "a\u0085b\u2028c\u2029d";
    yield { content: "世界 🌍", metadata: { n: { deep: [1, null, "é"] } } };
  });
  const response = await httpHandler(unicode)(post("/stream", envelope()));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.equal(response.headers.get("cache-control"), "no-cache");
  const body = await response.clone().text();
  assert.ok([...body].every((character) => character <= "~"), body);
  const events = await eventsOf(response);
  assert.deepEqual(events.map(({ type, id }) => `${type} ${id}`), [
    "stream_chunk req-1",
    "stream_chunk req-1",
    "stream_end req-1",
  ]);
  const messages = events.map((event) => (event.payload as { message?: Message }).message);
  assert.equal(messages[0]?.content, "a\u0085b\u2028c\u2029d");
  assert.equal(messages[1]?.content, "世界 🌍");
  assert.deepEqual(messages[1]?.metadata, { n: { deep: [1, null, "é"] } });
  assert.deepEqual(events[2]?.payload, {});
});

test("httpHandler() answers /stream of an agent that has none with 501 and the id", async () => {
  const error = await errorOf(
    await httpHandler(plain)(post("/stream", envelope())),
    501,
    "NOT_IMPLEMENTED",
  );
  assert.match(error.error_message, /'plain' does not support streaming/);
  assert.equal(error.id, "req-1");
});

test("httpHandler() ends a stream with an error event, before and after the first chunk", async () => {
  for (const chunks of [0, 2]) {
    const failing = agent("failing", async function* () {
      for (let i = 0; i < chunks; i++) yield `${i}`;
      throw new AgenkitError("unavailable", "The model is gone", { retryAfterMs: 250 });
    });
    const response = await httpHandler(failing)(post("/stream", envelope()));
    assert.equal(response.status, 200);
    const events = await eventsOf(response);
    assert.equal(events.length, chunks + 1);
    const last = events.at(-1)!;
    assert.equal(last.type, "error");
    assert.deepEqual(last.payload, {
      error_code: "AGENT_UNAVAILABLE",
      error_message: "The model is gone",
      error_details: { code: "unavailable", retryable: true, retry_after_ms: 250 },
    });
  }
  const broken = agent({
    name: "broken",
    stream: () => {
      throw new Error("plain");
    },
  });
  const events = await eventsOf(await httpHandler(broken)(post("/stream", envelope())));
  assert.equal((events[0]!.payload as { error_code: string }).error_code, "STREAM_ERROR");
});

test("httpHandler() maps what agents throw to a status, and never sends a stack", async () => {
  const cases: [unknown, number, string][] = [
    [new Error("boom"), 500, "EXECUTION_ERROR"],
    ["a string", 500, "EXECUTION_ERROR"],
    [new AgenkitError("invalid_argument", "no"), 400, "INVALID_MESSAGE"],
    [new AgenkitError("unauthenticated", "who?"), 401, "UNAUTHENTICATED"],
    [new AgenkitError("permission_denied", "no"), 403, "PERMISSION_DENIED"],
    [new AgenkitError("resource_exhausted", "full"), 429, "RESOURCE_EXHAUSTED"],
    [new AgenkitError("unavailable", "down"), 503, "AGENT_UNAVAILABLE"],
    [new AgenkitError("deadline_exceeded", "late"), 504, "AGENT_TIMEOUT"],
  ];
  for (const [thrown, status, code] of cases) {
    const response = await httpHandler(agent("failing", () => {
      throw thrown;
    }))(post("/process", envelope()));
    const { error_message, id } = await errorOf(response, status, code);
    assert.equal(id, "req-1");
    assert.ok(!error_message.includes(" at "), "no stack");
  }
});

test("httpHandler() writes Retry-After in whole seconds, and exactly in the details", async () => {
  const busy = agent("busy", () => {
    throw new AgenkitError("resource_exhausted", "full", { retryAfterMs: 1200 });
  });
  const response = await httpHandler(busy)(post("/process", envelope()));
  assert.equal(response.headers.get("retry-after"), "2");
  const { error_details } = await errorOf(response, 429, "RESOURCE_EXHAUSTED");
  assert.equal(error_details.retry_after_ms, 1200);
});

test("httpHandler() shows clients the text that errorText makes, not its own refusals", async () => {
  const secret = agent("secret", () => {
    throw new AgenkitError("internal", "password=hunter2", { details: { password: "hunter2" } });
  });
  const handler = httpHandler(secret, { errorText: (error) => `Failed (${error.code})` });
  const response = await handler(post("/process", envelope()));
  const body = await response.clone().text();
  assert.ok(!body.includes("hunter2"), body);
  assert.equal((await errorOf(response, 500, "INTERNAL_ERROR")).error_message, "Failed (internal)");
  const malformed = await errorOf(await handler(post("/process", "{")), 400, "INVALID_MESSAGE");
  assert.match(malformed.error_message, /expected JSON/);
});

test("httpHandler() gives an agent the time the caller has left, capped, and answers 504 at its end", async () => {
  const clock = new TestClock(1000);
  let started = Promise.withResolvers<number | undefined>();
  let reason: unknown;
  const stuck = agent("stuck", (_m, call) => {
    started.resolve(call.deadline);
    call.signal!.addEventListener("abort", () => reason = call.signal!.reason);
    return new Promise<never>(() => {});
  });
  const handler = httpHandler(stuck, { clock, maxTimeoutMs: 10_000 });
  const ask = (timeout: string) => {
    started = Promise.withResolvers();
    return handler(post("/process", envelope(), { headers: { "agenkit-timeout-ms": timeout } }));
  };
  const waiting = ask("250");
  assert.equal(await started.promise, 1250);
  await clock.advance(250);
  const error = await errorOf(await waiting, 504, "AGENT_TIMEOUT");
  assert.match(error.error_message, /'stuck' did not answer within 250 ms/);
  assert.equal((reason as AgenkitError).code, "deadline_exceeded");
  const capped = ask("99999999");
  assert.equal(await started.promise, clock.now() + 10_000);
  await clock.advance(10_000);
  await errorOf(await capped, 504, "AGENT_TIMEOUT");
  assert.equal(clock.pending, 0);
  for (const bad of ["soon", "-1", "NaN", "Infinity", ""]) {
    const refused = await errorOf(await ask(bad), 400, "INVALID_MESSAGE");
    assert.match(refused.error_message, /agenkit-timeout-ms: expected milliseconds/);
  }
});

test("httpHandler() ends a stuck stream at its deadline with an error event", async () => {
  const clock = new TestClock();
  let closed = false;
  const stuck = agent("stuck", async function* (_m, call) {
    yield "first";
    try {
      await clock.sleep(1e9, call.signal);
    } finally {
      closed = true;
    }
  });
  const handler = httpHandler(stuck, { clock, maxTimeoutMs: 100 });
  const reading = eventsOf(await handler(post("/stream", envelope())));
  await clock.advance(100);
  const events = await reading;
  assert.deepEqual(events.map(({ type }) => type), ["stream_chunk", "error"]);
  assert.equal((events[1]!.payload as { error_code: string }).error_code, "AGENT_TIMEOUT");
  assert.ok(closed);
  assert.equal(handler.inFlight, 0);
  assert.equal(clock.pending, 0);
});

test("httpHandler() asks the agent for a chunk only when the client has room", async () => {
  let made = 0;
  let closed = false;
  const eager = agent("eager", async function* () {
    try {
      for (;;) yield `${made++}`;
    } finally {
      closed = true;
    }
  });
  const handler = httpHandler(eager);
  const reader = (await handler(post("/stream", envelope()))).body!.getReader();
  await reader.read();
  await reader.read();
  for (let i = 0; i < 50; i++) await null;
  assert.ok(made <= 4, `made ${made} for 2 read`);
  await reader.cancel();
  for (let i = 0; i < 50; i++) await null;
  assert.ok(closed, "a client that leaves closes the agent's stream");
  assert.equal(handler.inFlight, 0);
});

test("httpHandler() aborts the agent's signal when the client leaves a stream", async () => {
  const waiting = Promise.withResolvers<void>();
  const left = Promise.withResolvers<unknown>();
  const stuck = agent("stuck", async function* (_m, call) {
    yield "first";
    waiting.resolve();
    await new Promise(() =>
      call.signal!.addEventListener("abort", () => left.resolve(call.signal!.reason))
    );
  });
  const reader = (await httpHandler(stuck)(post("/stream", envelope()))).body!.getReader();
  await reader.read();
  const pending = reader.read();
  await waiting.promise;
  await reader.cancel();
  await pending;
  assert.equal((await left.promise as Error).name, "AbortError");
});

test("httpHandler() aborts the agent's signal when the request is aborted", async () => {
  const client = new AbortController();
  const started = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const stuck = agent("stuck", (_m, call) => {
    started.resolve();
    return new Promise<never>((_resolve, reject) => {
      call.signal!.addEventListener("abort", () => {
        left.resolve();
        reject(call.signal!.reason);
      });
    });
  });
  void httpHandler(stuck)(post("/process", envelope(), { signal: client.signal }));
  await started.promise;
  client.abort();
  await left.promise;
});

test("httpHandler() refuses more calls than maxInFlight with 503 and Retry-After", async () => {
  const release = Promise.withResolvers<string>();
  const handler = httpHandler(agent("slow", () => release.promise), { maxInFlight: 1 });
  const first = handler(post("/process", envelope()));
  const second = await handler(post("/process", envelope()));
  assert.equal(second.headers.get("retry-after"), "1");
  await errorOf(second, 503, "AGENT_UNAVAILABLE");
  release.resolve("done");
  assert.equal((await first).status, 200);
  assert.equal((await handler(post("/process", envelope()))).status, 200);
});

test("httpHandler() drains: refuses new calls, is not ready, and waits for those that run", async () => {
  const release = Promise.withResolvers<string>();
  const handler = httpHandler(agent("slow", () => release.promise));
  const running = handler(post("/process", envelope()));
  for (let i = 0; i < 50; i++) await null;
  assert.equal(handler.inFlight, 1);
  let drained = false;
  const draining = handler.drain().then(() => drained = true);
  assert.equal(handler.draining, true);
  assert.equal((await handler(get("/ready"))).status, 503);
  assert.equal((await handler(get("/live"))).status, 200);
  await errorOf(await handler(post("/process", envelope())), 503, "AGENT_UNAVAILABLE");
  assert.equal(drained, false);
  release.resolve("done");
  assert.equal((await running).status, 200);
  await draining;
});

test("httpHandler() removes tool calls from requests unless told to trust them", async () => {
  const tool_calls = [{ tool_name: "rm", parameters: { path: "/" } }];
  const spy = agent("spy", (m) => ({ content: Object.keys(m.metadata).join() }));
  const payload = { message: { role: "user", content: "", metadata: { a: 1, tool_calls } } };
  const ask = async (trustToolCalls: boolean) => {
    const handler = httpHandler(spy, { trustToolCalls });
    return (await (await handler(post("/process", envelope({ payload })))).json()).payload.message
      .content;
  };
  assert.equal(await ask(false), "a");
  assert.equal(await ask(true), "a,tool_calls");
});

test("httpHandler() gives agents the values that context makes, or lets it refuse", async () => {
  const user = createContextKey("nobody");
  const who = agent("who", (_m, call) => call.values!.get(user));
  const handler = httpHandler(who, {
    context: (request) => {
      const name = request.headers.get("authorization");
      if (name === null) throw new AgenkitError("unauthenticated", "Who are you?");
      return createContextValues().with(user, name);
    },
  });
  const known = await handler(post("/process", envelope(), { headers: { authorization: "ada" } }));
  assert.equal((await known.json()).payload.message.content, "ada");
  await errorOf(await handler(post("/process", envelope())), 401, "UNAUTHENTICATED");
});

test("httpHandler() does not wait for a context longer than the caller waits", async () => {
  const clock = new TestClock();
  const handler = httpHandler(echo, { clock, context: () => new Promise<never>(() => {}) });
  const waiting = handler(
    post("/process", envelope(), { headers: { "agenkit-timeout-ms": "250" } }),
  );
  await clock.advance(250);
  await errorOf(await waiting, 504, "AGENT_TIMEOUT");
  assert.equal(handler.inFlight, 0);
});

test("httpHandler() refuses pages of other origins until they are allowed", async () => {
  const from = (headers: Record<string, string>) => post("/process", envelope(), { headers });
  const closed = httpHandler(echo);
  const evil = { origin: "https://evil.example", "sec-fetch-site": "cross-site" };
  const error = await errorOf(await closed(from(evil)), 403, "PERMISSION_DENIED");
  assert.match(error.error_message, /https:\/\/evil\.example/);
  await errorOf(await closed(from({ origin: "https://old.example" })), 403, "PERMISSION_DENIED");
  const same = { origin: "http://localhost", "sec-fetch-site": "same-origin" };
  assert.equal((await closed(from(same))).status, 200);
  assert.equal((await closed(from({ origin: "http://localhost" }))).status, 200, "the hosts agree");

  const open = httpHandler(echo, {
    cors: { origins: ["https://app.example"], headers: ["x-key"] },
  });
  const app = { origin: "https://app.example", "sec-fetch-site": "cross-site" };
  const allowed = await open(from(app));
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers.get("access-control-allow-origin"), "https://app.example");
  assert.match(allowed.headers.get("vary") ?? "", /origin/);
  await errorOf(await open(from(evil)), 403, "PERMISSION_DENIED");
  const preflight = await open(get("/process", { method: "OPTIONS", headers: app }));
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-methods"), "POST");
  assert.match(preflight.headers.get("access-control-allow-headers")!, /agenkit-timeout-ms, x-key/);
  assert.equal((await httpHandler(echo, { cors: true })(from(evil))).status, 200);
});

test("httpHandler() compresses long answers when told to and the client takes gzip", async () => {
  const long = agent("long", () => "x".repeat(5000));
  const handler = httpHandler(long, { compression: true });
  const ask = (accept: string, target = handler) =>
    target(post("/process", envelope(), { headers: { "accept-encoding": accept } }));
  const zipped = await ask("br, gzip;q=0.8");
  assert.equal(zipped.headers.get("content-encoding"), "gzip");
  const unzipped = new Response(zipped.body!.pipeThrough(new DecompressionStream("gzip")));
  assert.equal((await unzipped.json()).payload.message.content.length, 5000);
  assert.equal((await ask("gzip;q=0")).headers.get("content-encoding"), null);
  assert.equal((await ask("gzip", httpHandler(long))).headers.get("content-encoding"), null);
});

test("httpHandler() refuses an answer or chunk over the limit", async () => {
  const big = agent({
    name: "big",
    process: () => "x".repeat(2000),
    stream: async function* () {
      yield "ok";
      yield "x".repeat(2000);
    },
  });
  const handler = httpHandler(big, { maxBytes: 1500 });
  const error = await errorOf(
    await handler(post("/process", envelope())),
    429,
    "RESOURCE_EXHAUSTED",
  );
  assert.match(error.error_message, /The answer is too large/);
  const events = await eventsOf(await handler(post("/stream", envelope())));
  assert.deepEqual(events.map(({ type }) => type), ["stream_chunk", "error"]);
});

test("httpHandler() writes content that is no string as JSON text with a mark, or as it is", async () => {
  const structured = agent("structured", () => ({ content: { a: [1] } }));
  const ask = async (content: "text" | "json") => {
    const response = await httpHandler(structured, { content })(post("/process", envelope()));
    return (await response.json()).payload.message;
  };
  const asText = await ask("text");
  assert.equal(asText.content, '{"a":[1]}');
  assert.equal(asText.content_type, "application/json");
  assert.deepEqual((await ask("json")).content, { a: [1] });
});

test("httpHandler() refuses bad agents and options at construction, by name", () => {
  assert.throws(() => httpHandler([]), /expected at least one agent/);
  assert.throws(() => httpHandler({} as never), /expected at least one agent/);
  assert.throws(() => httpHandler(null as never), /expected an agent.*got null/s);
  assert.throws(() => httpHandler([{ name: "x" } as never]), /expected an agent/);
  assert.throws(() => httpHandler([echo, echo]), /two agents named 'echo'/);
  assert.throws(
    () => httpHandler(echo, { defaultAgent: "x" }),
    /'defaultAgent' must be one of echo/,
  );
  for (const name of ["maxBytes", "bodyTimeoutMs", "maxTimeoutMs", "maxInFlight"] as const) {
    for (const value of [0, -1, NaN]) {
      assert.throws(() => httpHandler(echo, { [name]: value }), {
        name: "RangeError",
        message: new RegExp(`'${name}' must be`),
      });
    }
  }
  assert.throws(() => httpHandler(echo, { context: 1 as never }), /'context' must be a function/);
  assert.throws(() => httpHandler(echo, { maxInFlight: 1.5 }), /'maxInFlight' must be a positive/);
  assert.throws(() => httpHandler(echo, null as never), /expected an object of options, got null/);
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ basePath: 5 }, /'basePath' must be a string/],
    [{ trustToolCalls: "false" }, /'trustToolCalls' must be a boolean/],
    [{ compression: "gzip" }, /'compression' must be a boolean/],
    [{ content: "xml" }, /'content' must be "text" or "json"/],
    [{ clock: {} }, /'clock' must have the methods/],
    [{ cors: "https://app.example" }, /'cors' must be a boolean or an object/],
    [{ cors: {} }, /'cors.origins' must be "\*" or an array of origins/],
    [{ cors: { origins: ["*"] } }, /'cors.origins' must be/],
    [{ cors: { origins: ["https://app.example/"] } }, /'cors.origins' must be/],
    [{ cors: { origins: ["https://App.example"] } }, /'cors.origins' must be/],
    [{ cors: { origins: "*", headers: "authorization" } }, /'cors.headers' must be an array/],
    [{ cors: { origins: "*", maxAgeMs: NaN } }, /'cors.maxAgeMs' must be/],
  ];
  for (const [options, expected] of wrong) {
    assert.throws(() => httpHandler(echo, options), expected, JSON.stringify(options));
  }
  for (const origin of ["https://app.example", "http://localhost:5173", "null", "app://local"]) {
    httpHandler(echo, { cors: { origins: [origin] } });
  }
});

test("httpHandler() answers also if 'errorText' throws, and tells nothing then", async () => {
  const torn = agent({
    name: "torn",
    process: () => Promise.reject(new Error("the password is x")),
    async *stream() {
      yield "one";
      throw new Error("the password is x");
    },
  });
  const handler = httpHandler(torn, {
    errorText: () => {
      throw new Error("broken");
    },
  });
  const error = await errorOf(await handler(post("/process", envelope())), 500, "EXECUTION_ERROR");
  assert.equal(error.error_message, "The agent failed");
  const body = await (await handler(post("/stream", envelope()))).text();
  assert.match(body, /"error_message":"The agent failed"/);
  assert.doesNotMatch(body, /password/);
  assert.equal(handler.inFlight, 0);
  await handler.drain();
});

test("httpHandler() writes Retry-After only for a time that can be waited for", async () => {
  let retryAfterMs = 0;
  const down = agent("down", () => {
    throw new AgenkitError("unavailable", "later", { retryAfterMs });
  });
  const handler = httpHandler(down);
  for (
    const [ms, expected] of [
      [1500, "2"],
      [-5, "0"],
      [NaN, null],
      [Infinity, null],
      [1e300, "9007199254740991"],
    ] as const
  ) {
    retryAfterMs = ms;
    const response = await handler(post("/process", envelope()));
    assert.equal(response.headers.get("retry-after"), expected, `${ms}`);
  }
});

test("httpHandler() serves a record of agents under its keys", async () => {
  const handler = httpHandler({ main: plain, other: echo });
  const names = (await (await handler(get("/agents"))).json()).agents.map((a: { name: string }) =>
    a.name
  );
  assert.deepEqual(names, ["main", "other"]);
  assert.equal((await handler(post("/agents/other/process", envelope()))).status, 200);
});

test("httpHandler() that is closed answers what runs, tells its agents, and leaves no timer", async () => {
  const clock = new TestClock();
  let reason: unknown;
  const never = agent("never", (_, { signal }) => {
    signal!.addEventListener("abort", () => reason = signal!.reason);
    return new Promise<never>(() => {});
  });
  const handler = httpHandler(never, { clock });
  const running = handler(post("/process", envelope()));
  while (clock.pending === 0 || handler.inFlight === 0) await new Promise((r) => setTimeout(r, 1));
  await new Promise((r) => setTimeout(r, 5));
  handler.close();
  const error = await errorOf(await running, 503, "AGENT_UNAVAILABLE");
  assert.equal(error.error_message, "The server was closed");
  assert.equal((reason as Error).message, "The server was closed");
  assert.equal(clock.pending, 0);
  assert.equal(handler.inFlight, 0);
  await errorOf(await handler(post("/process", envelope())), 503, "AGENT_UNAVAILABLE");
});
