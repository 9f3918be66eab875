import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AgenkitError,
  agent,
  collect,
  message,
  RemoteError,
  text,
  TimeoutError,
} from "../../../../mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import {
  httpAgent,
  type HttpAgentOptions,
  httpHandler,
} from "../../../../src/transport/http/mod.ts";
import { rejection } from "../../rejection.ts";

type Answer = (request: Request, body: Record<string, unknown>) => Response | Promise<Response>;

/** An agent whose requests are answered by a function, and what it sent. */
function answered(answer: Answer, options: HttpAgentOptions = {}) {
  const sent: { request: Request; body: { id: string; payload: Record<string, unknown> } }[] = [];
  const remote = httpAgent("http://peer.example/base/", {
    ...options,
    fetch: async (url, init) => {
      const request = new Request(url, init);
      const body = JSON.parse(init.body as string);
      sent.push({ request, body });
      return await answer(request, body);
    },
  });
  return { remote, sent };
}

const json = (body: unknown, init?: ResponseInit) =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), {
    headers: { "content-type": "application/json" },
    ...init,
  });
const reply = (id: unknown, changes: Record<string, unknown> = {}) => ({
  version: "1.0",
  type: "response",
  id,
  payload: {
    message: { role: "agent", content: "ok", metadata: {}, timestamp: "2026-01-02T03:04:05Z" },
  },
  ...changes,
});
const events = (...parts: (string | Record<string, unknown>)[]) =>
  new Response(
    parts.map((part) => typeof part === "string" ? part : `data: ${JSON.stringify(part)}\n\n`).join(
      "",
    ),
    { headers: { "content-type": "text/event-stream" } },
  );
const chunk = (id: unknown, content: string) => ({
  ...reply(id),
  type: "stream_chunk",
  payload: { message: { role: "agent", content, metadata: {} } },
});
const end = (id: unknown) => ({ version: "1.0", type: "stream_end", id, payload: {} });
const question = message("user", "hi");

test("httpAgent() sends all keys of the envelope, and the time that is left", async () => {
  const clock = new TestClock();
  const { remote, sent } = answered((_r, body) => json(reply(body.id)), { name: "echo", clock });
  await remote.process(question);
  const { request, body } = sent[0]!;
  assert.equal(request.url, "http://peer.example/base/process");
  assert.equal(request.method, "POST");
  assert.equal(request.headers.get("content-type"), "application/json");
  assert.equal(request.headers.get("agenkit-timeout-ms"), "30000");
  assert.match(body.id, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  assert.deepEqual({ ...body, id: 0, timestamp: 0 }, {
    version: "1.0",
    type: "request",
    id: 0,
    timestamp: 0,
    payload: {
      method: "process",
      agent_name: "echo",
      message: { role: "user", content: "hi", metadata: {}, timestamp: question.timestamp },
    },
  });
  await remote.process(question, { deadline: clock.now() + 1234 });
  assert.equal(sent[1]!.request.headers.get("agenkit-timeout-ms"), "1234");
  assert.equal(clock.pending, 0);
});

test("httpAgent() sends no time and sets no timer for a deadline that never comes", async () => {
  const clock = new TestClock();
  const { remote, sent } = answered((_request, { id }) => {
    assert.equal(clock.pending, 0);
    return json(reply(id));
  }, { clock, timeoutMs: Infinity });
  await remote.process(question, { deadline: Infinity });
  assert.equal(sent[0]!.request.headers.get("agenkit-timeout-ms"), null);
});

test("httpAgent() leaves agent_name out when it was given no name, and is called by its host", async () => {
  const { remote, sent } = answered((_r, body) => json(reply(body.id)));
  await remote.process(question);
  assert.ok(!("agent_name" in (sent[0]!.body.payload)));
  assert.equal(remote.name, "peer.example");
});

test("httpAgent() refuses URLs and options that are not valid", () => {
  for (const url of ["ftp://x", "nonsense", "", "ws://x"]) {
    assert.throws(() => httpAgent(url), { name: "TypeError", message: /'url' must be an http/ });
  }
  assert.throws(
    () => httpAgent("http://x", { timeoutMs: -1 }),
    /'timeoutMs' must be a positive number/,
  );
  assert.throws(() => httpAgent("http://x", { fetch: 1 as never }), /'fetch' must be a function/);
  assert.throws(() => httpAgent("http://x", null as never), /expected an object of options/);
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ name: 5 }, /'name' must be a non-empty string/],
    [{ capabilities: "chat" }, /'capabilities' must be an array of strings/],
    [{ capabilities: [5] }, /'capabilities' must be an array of strings/],
    [{ content: "xml" }, /'content' must be "text" or "json"/],
    [{ clock: {} }, /'clock' must have the methods/],
  ];
  for (const [options, expected] of wrong) {
    assert.throws(() => httpAgent("http://x", options), expected, JSON.stringify(options));
  }
});

test("httpAgent() takes the id 'unknown' for the only call it can be, and refuses any other", async () => {
  const unknown = answered(() => json(reply("unknown")));
  assert.equal(text(await unknown.remote.process(question)), "ok");
  const other = answered(() => json(reply("somebody-else")));
  await assert.rejects(other.remote.process(question), {
    code: "internal",
    retryable: false,
    message: /belongs to another call: expected id .*, got "somebody-else"/,
  });
});

test("httpAgent() reads the error envelopes of both shapes, with their codes", async () => {
  const cases: [unknown, number, Partial<RemoteError>][] = [
    [
      { error_code: "EXECUTION_ERROR", error_message: "boom", error_details: { a: 1 } },
      500,
      { code: "unknown", message: "boom", remoteCode: "EXECUTION_ERROR", details: { a: 1 } },
    ],
    [{ error: { code: "INVALID_MESSAGE", message: "bad" } }, 400, {
      code: "invalid_argument",
      message: "bad",
      retryable: false,
    }],
    [{ error_code: "NOT_IMPLEMENTED", error_message: "no stream", error_details: {} }, 501, {
      code: "unimplemented",
    }],
    [{ error_code: "AGENT_NOT_FOUND", error_message: "gone" }, 404, { code: "not_found" }],
    [{ error_code: "SOMETHING_NEW", error_message: "new" }, 500, { code: "unknown" }],
    [{}, 500, { code: "unknown", message: "The remote agent failed" }],
    [
      {
        error_code: "RESOURCE_EXHAUSTED",
        error_message: "slow down",
        error_details: {
          code: "resource_exhausted",
          retryable: true,
          retry_after_ms: 1500,
          details: { queue: 7 },
        },
      },
      429,
      { code: "resource_exhausted", retryAfterMs: 1500, details: { queue: 7 } },
    ],
  ];
  for (const [payload, status, expected] of cases) {
    const { remote } = answered((_r, { id }) =>
      json({ version: "1.0", type: "error", id, payload }, { status })
    );
    const error = await rejection(remote.process(question));
    assert.ok(error instanceof RemoteError);
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(
        error[key as keyof RemoteError],
        value,
        `${key} of ${JSON.stringify(payload)}`,
      );
    }
  }
});

test("httpAgent() reads an error envelope that came with status 200", async () => {
  const { remote } = answered((_r, { id }) =>
    json({
      version: "1.0",
      type: "error",
      id,
      payload: { error_code: "AGENT_ERROR", error_message: "x" },
    })
  );
  await assert.rejects(remote.process(question), { name: "RemoteError", code: "unknown" });
});

test("httpAgent() makes an error of answers that are no envelope, by their status", async () => {
  const cases: [number, string][] = [
    [400, "invalid_argument"],
    [401, "unauthenticated"],
    [403, "permission_denied"],
    [404, "not_found"],
    [405, "unimplemented"],
    [413, "resource_exhausted"],
    [429, "resource_exhausted"],
    [500, "unknown"],
    [502, "unavailable"],
    [503, "unavailable"],
    [504, "deadline_exceeded"],
    [418, "failed_precondition"],
  ];
  for (const [status, code] of cases) {
    const { remote } = answered(() => new Response("Server got itself in trouble", { status }));
    await assert.rejects(remote.process(question), {
      code,
      message:
        `http://peer.example/base answered with HTTP ${status}: Server got itself in trouble`,
    });
  }
});

test("httpAgent() reads Retry-After in seconds or as a date", async () => {
  const date = new Date(Date.now() + 5000).toUTCString();
  for (
    const [value, low, high] of [["2", 2000, 2000], [date, 3000, 5000], ["soon", -1, -1]] as const
  ) {
    const { remote } = answered(() =>
      new Response("", { status: 503, headers: { "retry-after": value } })
    );
    const error = await rejection(remote.process(question));
    if (low < 0) assert.equal(error.retryAfterMs, undefined);
    else {assert.ok(
        error.retryAfterMs! >= low && error.retryAfterMs! <= high,
        `${error.retryAfterMs}`,
      );}
  }
});

test("httpAgent() refuses answers that cannot be used", async () => {
  const cases: [Response, RegExp][] = [
    [json("not json"), /expected JSON/],
    [json('{"payload":{"message":{"role":"agent","content":NaN}}}'), /expected JSON/],
    [json(reply("unknown", { version: "9" })), /version: expected "1\.0", got "9"/],
    [json(reply("unknown", { type: "stream_end", payload: {} })), /expected type "response"/],
    [json(reply("unknown", { payload: null })), /payload: expected an object, got null/],
  ];
  for (const [response, expected] of cases) {
    const { remote } = answered(() => response);
    await assert.rejects(remote.process(question), { code: "internal", message: expected });
  }
});

test("httpAgent() does not take an answer that is no text for the caller's mistake", async () => {
  const bytes = Uint8Array.of(0xff, 0xfe, 0x41);
  for (const headers of [{}, { "content-length": "3" }]) {
    const { remote } = answered(() => new Response(bytes, { headers }));
    await assert.rejects(remote.process(question), {
      code: "internal",
      retryable: false,
      message: "The answer is not text: expected UTF-8",
    });
    // A proxy's page in another encoding: the status says more.
    const proxy = answered(() => new Response(bytes, { status: 502, headers }));
    await assert.rejects(proxy.remote.process(question), {
      code: "unavailable",
      message: "http://peer.example/base answered with HTTP 502",
    });
  }
});

test("httpAgent() refuses answers over its limit without reading them whole", async () => {
  let pulled = 0;
  const endless = new ReadableStream({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(1000).fill(120));
    },
  });
  const { remote } = answered(() => new Response(endless), { maxBytes: 5000 });
  await assert.rejects(remote.process(question), {
    code: "resource_exhausted",
    message: /The answer/,
  });
  assert.ok(pulled < 20);
  const claimed = answered(() => new Response("{}", { headers: { "content-length": "6000" } }), {
    maxBytes: 5000,
  });
  await assert.rejects(claimed.remote.process(question), { code: "resource_exhausted" });
});

test("httpAgent() sends nothing that is over its limit", async () => {
  const { remote, sent } = answered(() => assert.fail());
  const big = message("user", "x".repeat(10 * 1024 * 1024));
  await assert.rejects(remote.process(big), { code: "resource_exhausted", message: /The request/ });
  assert.equal(sent.length, 0);
});

test("httpAgent() calls a network that fails unavailable, with its causes", async () => {
  const { remote } = answered(() => {
    throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
  });
  await assert.rejects(remote.process(question), {
    name: "AgenkitError",
    code: "unavailable",
    retryable: true,
    message: "Cannot reach http://peer.example/base: fetch failed: connect ECONNREFUSED",
  });
});

test("httpAgent() gives up at its timeout or the call's deadline, whichever is first", async () => {
  for (const [deadline, expected] of [[undefined, 5000], [1000, 1000], [9000, 5000]] as const) {
    const clock = new TestClock();
    let aborted: AbortSignal | undefined;
    const { remote } = answered((request) => {
      aborted = request.signal;
      return new Promise<never>(() => {});
    }, { clock, timeoutMs: 5000 });
    const outcome = rejection(remote.process(question, { deadline }));
    await clock.advance(expected - 1);
    assert.equal(aborted!.aborted, false);
    await clock.advance(1);
    const error = await outcome;
    assert.ok(error instanceof TimeoutError);
    assert.match(error.message, new RegExp(`did not answer within ${expected} ms`));
    assert.equal(clock.pending, 0);
  }
});

test("httpAgent() rejects with the signal's own reason, before, during and within a tick", async () => {
  const reason = new Error("mine");
  const { remote, sent } = answered(() => new Promise<never>(() => {}));
  const early = { signal: AbortSignal.abort(reason) };
  await assert.rejects(remote.process(question, early), (e) => e === reason);
  await assert.rejects(collect(remote.stream(question, early)), (e) => e === reason);
  assert.equal(sent.length, 0);
  const controller = new AbortController();
  let outcome: unknown;
  void remote.process(question, controller).catch((e) => outcome = e);
  for (let i = 0; i < 20; i++) await null;
  controller.abort(reason);
  for (let i = 0; i < 20; i++) await null;
  assert.equal(outcome, reason);
});

test("httpAgent() streams chunks until stream_end, in whatever pieces they come", async () => {
  for (const size of [1, 3, 50, 10_000]) {
    const { remote, sent } = answered(async (_r, { id }) => {
      const bytes = new TextEncoder().encode(
        await events(
          chunk(id, "wörld 🌍"),
          ": a comment\n\n",
          "event: x\n",
          chunk(id, "2"),
          end(id),
        ).text(),
      );
      let at = 0;
      const body = new ReadableStream({
        pull(controller) {
          if (at >= bytes.length) return controller.close();
          controller.enqueue(bytes.slice(at, at += size));
        },
      });
      return new Response(body, {
        headers: { "content-type": "text/event-stream; charset=utf-8" },
      });
    });
    const chunks = await collect(remote.stream(question));
    assert.deepEqual(chunks.map(text), ["wörld 🌍", "2"]);
    assert.equal(sent[0]!.request.url, "http://peer.example/base/stream");
    assert.equal(sent[0]!.request.headers.get("accept"), "text/event-stream");
  }
});

test("httpAgent() gives the chunks before an error, then the error", async () => {
  for (
    const payload of [
      { error_code: "STREAM_ERROR", error_message: "mid", error_details: {} },
      { error: { code: "STREAM_ERROR", message: "mid" } },
    ]
  ) {
    const { remote } = answered((_r, { id }) =>
      events(chunk(id, "1"), { version: "1.0", type: "error", id, payload })
    );
    const seen: string[] = [];
    await assert.rejects(async () => {
      for await (const part of remote.stream(question)) seen.push(text(part));
    }, { name: "RemoteError", message: "mid", remoteCode: "STREAM_ERROR" });
    assert.deepEqual(seen, ["1"]);
  }
});

test("httpAgent() tells a stream that ended too early from one that is complete", async () => {
  const cut = answered((_r, { id }) => events(chunk(id, "1")));
  await assert.rejects(collect(cut.remote.stream(question)), {
    code: "unavailable",
    message: /ended too early: expected "stream_end"/,
  });
  const partial = answered((_r, { id }) => events(chunk(id, "1"), 'data: {"version":'));
  await assert.rejects(collect(partial.remote.stream(question)), { code: "unavailable" });
});

test("httpAgent() refuses streams that are none, or carry another id, or have no end of an event", async () => {
  const page = answered(() => new Response("<html>", { headers: { "content-type": "text/html" } }));
  await assert.rejects(collect(page.remote.stream(question)), { message: /got text\/html/ });
  const other = answered(() => events(chunk("other", "1")));
  await assert.rejects(collect(other.remote.stream(question)), { message: /another call/ });
  const garbage = answered(() => events("data: nonsense\n\n"));
  await assert.rejects(collect(garbage.remote.stream(question)), { code: "internal" });
  let cancelled = false;
  const endless = answered(() =>
    new Response(
      new ReadableStream({
        pull: (controller) =>
          controller.enqueue(new TextEncoder().encode("data: " + "x".repeat(1000))),
        cancel: () => void (cancelled = true),
      }),
      { headers: { "content-type": "text/event-stream" } },
    ), { maxBytes: 5000 });
  await assert.rejects(collect(endless.remote.stream(question)), {
    code: "resource_exhausted",
    message: /An event is too large/,
  });
  assert.ok(cancelled);
});

test("httpAgent() closes the connection when the consumer breaks off", async () => {
  let signal: AbortSignal | undefined;
  let cancelled = false;
  const { remote } = answered((request, { id }) => {
    signal = request.signal;
    const line = new TextEncoder().encode(`data: ${JSON.stringify(chunk(id, "x"))}\n\n`);
    return new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(line),
        cancel: () => void (cancelled = true),
      }),
      { headers: { "content-type": "text/event-stream" } },
    );
  });
  for await (const _ of remote.stream(question)) break;
  assert.ok(signal!.aborted);
  assert.ok(cancelled);
});

test("httpAgent() times each wait for a chunk, not the consumer", async () => {
  const clock = new TestClock();
  let feed!: ReadableStreamDefaultController<Uint8Array>;
  let id: unknown;
  const { remote, sent } = answered((_r, body) => {
    id = body.id;
    return new Response(new ReadableStream({ start: (c) => void (feed = c) }), {
      headers: { "content-type": "text/event-stream" },
    });
  }, { clock, timeoutMs: 1000 });
  const push = (content: string) =>
    feed.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(chunk(id, content))}\n\n`));
  const stream = remote.stream(question)[Symbol.asyncIterator]();
  const first = stream.next();
  await clock.advance(900);
  push("1");
  assert.equal(text((await first).value!), "1");
  await clock.advance(60_000); // The consumer thinks.
  const second = stream.next();
  await clock.advance(900);
  push("2");
  assert.equal(text((await second).value!), "2");
  const third = rejection(stream.next());
  await clock.advance(1000);
  assert.ok(await third instanceof TimeoutError);
  assert.equal(clock.pending, 0);
  assert.equal(
    sent[0]!.request.headers.get("agenkit-timeout-ms"),
    null,
    "a stream has no end in time",
  );
  const call = { deadline: clock.now() + 60_000 };
  const bounded = rejection(collect(remote.stream(question, call)));
  await clock.advance(0);
  assert.equal(
    sent[1]!.request.headers.get("agenkit-timeout-ms"),
    "60000",
    "the call's deadline holds for all of it, the time of a chunk does not",
  );
  await clock.advance(1000);
  assert.ok(await bounded instanceof TimeoutError);
});

test("httpAgent() sends the headers it is given, also those made for each call", async () => {
  let n = 0;
  const { remote, sent } = answered((_r, body) => json(reply(body.id)), {
    headers: () => Promise.resolve({ authorization: `token-${n++}` }),
  });
  await remote.process(question);
  await remote.process(question);
  assert.deepEqual(sent.map(({ request }) => request.headers.get("authorization")), [
    "token-0",
    "token-1",
  ]);
  const fixed = answered((_r, body) => json(reply(body.id)), { headers: { "x-key": "k" } });
  await fixed.remote.process(question);
  assert.equal(fixed.sent[0]!.request.headers.get("x-key"), "k");
});

test("httpAgent() tells headers that cannot be from a server that cannot be reached", async () => {
  assert.throws(
    () => httpAgent("http://x", { headers: { "bad name": "x" } }),
    /^TypeError: Cannot call over HTTP as 'headers' must be headers or a function: /,
  );
  const { remote, sent } = answered((_r, body) => json(reply(body.id)), {
    headers: () => Promise.reject(new Error("no token today")),
  });
  const failed = await rejection(remote.process(question));
  assert.equal(failed.code, "unknown");
  assert.match(
    failed.message,
    /^Cannot make the headers for http:\/\/peer\.example\/base: no token/,
  );
  const own = new AgenkitError("unauthenticated", "log in again");
  const refusing = httpAgent("http://x", {
    headers: () => {
      throw own;
    },
  });
  assert.equal(await rejection(refusing.process(question)), own);
  assert.equal(sent.length, 0);
});

test("httpAgent() ends the wait for headers that are never made", async () => {
  const clock = new TestClock();
  const { remote } = answered((_r, body) => json(reply(body.id)), {
    clock,
    timeoutMs: 50,
    headers: () => new Promise<never>(() => {}),
  });
  const call = rejection(remote.process(question));
  await clock.advance(50);
  assert.ok(await call instanceof TimeoutError);
});

test("httpAgent() and httpHandler() keep structured content, metadata and errors between them", async () => {
  const mirror = agent("mirror", (m) => ({ content: m.content, metadata: m.metadata }));
  const handler = httpHandler(mirror);
  const remote = httpAgent("http://x", { fetch: (url, init) => handler(new Request(url, init)) });
  const content = { list: [1, null, "{}"], text: "\u0085\u2028\u2029🌍" };
  const answer = await remote.process(message("user", content, { deep: { a: [true] } }));
  assert.deepEqual(answer.content, content);
  assert.deepEqual(answer.metadata, { deep: { a: [true] } });
  for (const stays of ['{"a": 1}', "42", "null", '"x"', ""]) {
    assert.equal(
      (await remote.process(message("user", stays))).content,
      stays,
      "a string stays one",
    );
  }
  const failing = httpHandler(agent("f", () => {
    throw new AgenkitError("aborted", "try again", {
      retryAfterMs: 5,
      details: { n: 1 },
      retryable: true,
    });
  }));
  const broken = httpAgent("http://x", { fetch: (url, init) => failing(new Request(url, init)) });
  await assert.rejects(broken.process(question), {
    name: "RemoteError",
    code: "aborted",
    message: "try again",
    retryAfterMs: 5,
    retryable: true,
    details: { n: 1 },
  });
});

test("httpAgent() takes what is no message for the caller's mistake, not for one of the network", async () => {
  const { remote, sent } = answered((_r, body) => json(reply(body.id)));
  const none = { content: "x" } as unknown as typeof question;
  for (const call of [() => remote.process(none), () => collect(remote.stream(none))]) {
    const error = await rejection(call());
    assert.equal(error.code, "invalid_argument");
    assert.equal(error.retryable, false);
  }
  assert.equal(sent.length, 0);
});
