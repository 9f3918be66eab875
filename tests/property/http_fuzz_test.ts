import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "./fc.ts";
import { agent } from "../../src/core/agent.ts";
import { AgenkitError } from "../../src/core/errors.ts";
import { isMessage, message, text } from "../../src/core/message.ts";
import { decodeEnvelope, EnvelopeError } from "../../src/protocol/decode.ts";
import { encodeRequest } from "../../src/protocol/encode.ts";
import { TestClock } from "../../src/testing/test_clock.ts";
import { httpAgent } from "../../src/transport/http/client.ts";
import { type HttpHandler, httpHandler } from "../../src/transport/http/server.ts";

const MAX_BYTES = 20_000;
const ID = "9b2c0f7e-5d1a-4a53-8f0e-2f1f4c1d7a10";
const encoder = new TextEncoder();

const echo = agent({
  name: "echo",
  process: (m) => m,
  async *stream(m) {
    yield m;
    yield text(m);
  },
});
const newHandler = () => httpHandler(echo, { maxBytes: MAX_BYTES });

// What no serialiser writes but any client may send.
const rawJson = fc.oneof(
  fc.json(),
  fc.constantFrom(
    "1e999",
    "-1e999",
    "9".repeat(400),
    "0." + "0".repeat(400) + "1",
    "NaN",
    "Infinity",
    "undefined",
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{}}}',
    '"\\ud800"',
    '"\\u0000"',
    '"\u2028\u0085"',
    "[".repeat(600) + "]".repeat(600),
    "[".repeat(9000),
    '{"a":'.repeat(600) + "1" + "}".repeat(600),
    `"${"x".repeat(MAX_BYTES + 1)}"`,
    "{}",
    "[]",
    "null",
    "true",
    '""',
  ),
);

const FIELDS = [
  "version",
  "type",
  "id",
  "timestamp",
  "payload",
  "payload.method",
  "payload.agent_name",
  "payload.message",
  "payload.message.role",
  "payload.message.content",
  "payload.message.content_type",
  "payload.message.metadata",
  "payload.message.timestamp",
  "extra",
] as const;

function good(content = "hello"): string {
  return encodeRequest({
    id: ID,
    method: "process",
    agentName: "echo",
    message: message("user", content, { k: [1] }),
  });
}

type Tree = Record<string, unknown>;

/** An envelope in which fields are missing or hold any text at all. */
const damaged = fc.array(
  fc.tuple(fc.constantFrom(...FIELDS), fc.option(rawJson, { nil: undefined })),
  { minLength: 1, maxLength: 3 },
).map((changes) => {
  const envelope = JSON.parse(good()) as Tree;
  const raw: string[] = [];
  for (const [path, json] of changes) {
    const keys = path.split(".");
    const last = keys.pop()!;
    const parent = keys.reduce<Tree | undefined>(
      (at, key) => typeof at?.[key] === "object" ? at[key] as Tree : undefined,
      envelope,
    );
    if (parent === undefined) continue;
    if (json === undefined) delete parent[last];
    else parent[last] = `@@${raw.push(json) - 1}@@`;
  }
  return JSON.stringify(envelope).replace(/"@@(\d+)@@"/g, (_, index) => raw[Number(index)]!);
});

/** Valid but for a few characters. */
const misspelt = fc.array(
  fc.record({ at: fc.nat(400), remove: fc.nat(5), insert: fc.string({ maxLength: 3 }) }),
  { minLength: 1, maxLength: 4 },
).map((edits) =>
  edits.reduce(
    (body, { at, remove, insert }) => body.slice(0, at) + insert + body.slice(at + remove),
    good(),
  )
);

const anyBody: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.oneof(
  { weight: 6, arbitrary: damaged.map((body) => encoder.encode(body)) },
  { weight: 3, arbitrary: misspelt.map((body) => encoder.encode(body)) },
  {
    weight: 2,
    arbitrary: fc.nat(400).map((length) => encoder.encode(good().slice(0, length))),
  },
  { weight: 1, arbitrary: rawJson.map((body) => encoder.encode(body)) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }).map((body) => encoder.encode(body)) },
  {
    weight: 1,
    arbitrary: fc.record({ at: fc.nat(400), byte: fc.nat(255) }).map(({ at, byte }) => {
      const bytes = encoder.encode(good("é世😀"));
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
  },
);

const anyRequest = fc.record({
  body: anyBody,
  path: fc.constantFrom("/process", "/stream", "/agents/echo/process", "/agents/echo/stream"),
  chunked: fc.boolean(),
});

function send(
  handler: HttpHandler,
  path: string,
  body: Uint8Array<ArrayBuffer>,
  chunked = false,
): Promise<Response> {
  const init: RequestInit & { duplex?: "half" } = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  };
  if (chunked) {
    const middle = body.length >> 1;
    const pieces = [body.subarray(0, middle), body.subarray(middle)].filter(({ length }) => length);
    init.duplex = "half";
    init.body = new ReadableStream({
      pull(controller) {
        const piece = pieces.shift();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    });
  }
  return handler(new Request(`http://localhost${path}`, init));
}

/** What the codec makes of a body; the handler may not make anything else of it. */
function expected(body: Uint8Array): { status: number; id: string } {
  if (body.length > MAX_BYTES) return { status: 413, id: "unknown" };
  try {
    const envelope = decodeEnvelope(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return { status: envelope.type === "request" ? 200 : 400, id: envelope.id };
  } catch (error) {
    return { status: 400, id: error instanceof EnvelopeError ? error.id : "unknown" };
  }
}

/** Fails when nothing comes: a hang is the worst answer. */
async function soon<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer within 30 s")), 30_000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

test("httpHandler() answers any body with a well-formed envelope, and goes on", async () => {
  let refused = 0;
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(anyRequest, async ({ body, path, chunked }) => {
      const handler = newHandler();
      const wanted = expected(body);
      const response = await soon(send(handler, path, body, chunked));
      const answer = await soon(response.text());
      assert.equal(response.status, wanted.status, answer);
      if (response.status === 200 && path.endsWith("/stream")) {
        taken++;
        assert.match(answer, /^(data: [\x20-\x7e]+\n\n){1,3}$/);
        const events = answer.trimEnd().split("\n\n").map((event) =>
          decodeEnvelope(event.slice(6))
        );
        // An echo may be too large to be sent back; nothing else goes wrong.
        assert.match(
          events.map(({ type }) => type).join(" "),
          /^(stream_chunk ){2}stream_end$|^(stream_chunk )?error$/,
        );
        for (const event of events) assert.equal(event.id, wanted.id);
      } else {
        const envelope = decodeEnvelope(answer);
        assert.equal(envelope.id, wanted.id);
        assert.equal(response.headers.get("content-type"), "application/json");
        if (response.status === 200) {
          taken++;
          assert.equal(envelope.type, "response");
        } else {
          refused++;
          assert.equal(envelope.type, "error");
          const { payload } = JSON.parse(answer);
          assert.match(payload.error_code, /^[A-Z_]+$/);
          assert.ok(
            payload.error_message.length > 10 && payload.error_message.length < 700,
            answer,
          );
        }
      }
      assert.equal(handler.inFlight, 0);
      const next = await soon(send(handler, "/process", encoder.encode(good())));
      assert.equal(next.status, 200);
      assert.equal((await next.json()).payload.message.content, "hello");
    }),
    { numRuns: 2500 },
  );
  assert.ok(refused > 1000 && taken > 50, `${refused} refused, ${taken} taken: too one-sided`);
});

test("httpHandler() survives a client that breaks off while it sends", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(400), fc.boolean(), async (length, stream) => {
      const handler = newHandler();
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(encoder.encode(good().slice(0, length) || "{"));
        },
        pull(controller) {
          controller.error(new Error("connection reset"));
        },
      });
      const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
      const path = stream ? "/stream" : "/process";
      const response = await soon(handler(new Request(`http://localhost${path}`, init)));
      assert.ok(response.status >= 400);
      assert.equal(decodeEnvelope(await response.text()).type, "error");
      assert.equal(handler.inFlight, 0);
    }),
    { numRuns: 50 },
  );
});

test("httpHandler() gives up on a body that never ends", async () => {
  const clock = new TestClock();
  const patient = httpHandler(agent("echo", (m) => m), { clock, bodyTimeoutMs: 1000 });
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode('{"version":'));
    },
  });
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, duplex: "half" };
  let response: Response | undefined;
  const answering = patient(new Request("http://localhost/process", init))
    .then((answer) => response = answer);
  while (response === undefined && clock.now() < 5000) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    await clock.advance(100);
  }
  await soon(answering);
  assert.equal(response?.status, 408);
  assert.equal(clock.now(), 1000);
  assert.equal(patient.inFlight, 0);
  assert.equal(clock.pending, 0);
});

const anyHeader = fc.record({
  name: fc.constantFrom("content-type", "agenkit-timeout-ms", "origin", "accept-encoding", "x"),
  value: fc.oneof(
    fc.stringMatching(/^[\x21-\x7e]{0,30}$/),
    fc.constantFrom("", "application/grpc", "0", "-5", "1e3", "1e999", "null", "gzip;q=0", "*/*"),
  ),
});

test("httpHandler() answers any path, method and header with a well-formed envelope", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.webPath(),
      fc.constantFrom("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"),
      fc.array(anyHeader, { maxLength: 3 }),
      fc.constantFrom("", "/process", "/stream", "/agents", "/agents/", "/health"),
      async (tail, method, headers, start) => {
        const handler = newHandler();
        const request = new Request(`http://localhost${start}${tail}`, {
          method,
          headers: headers.map(({ name, value }) => [name, value] as [string, string]),
          body: method === "GET" || method === "HEAD" ? null : good(),
        });
        const response = await soon(handler(request));
        const answer = await soon(response.text());
        assert.ok([200, 400, 403, 404, 405, 415, 504].includes(response.status), answer);
        if (method === "HEAD" || response.status === 200) return;
        const envelope = decodeEnvelope(answer);
        assert.equal(envelope.type, "error");
        assert.equal(handler.inFlight, 0);
      },
    ),
    { numRuns: 500 },
  );
});

test("httpHandler() has nothing beside its base path", async () => {
  const based = httpHandler(echo, { basePath: "/api" });
  const inherited = fc.constantFrom("constructor", "toString", "__proto__", "process", "health");
  await fc.assert(
    fc.asyncProperty(fc.oneof(inherited, fc.stringMatching(/^[\w.-]+$/)), async (tail) => {
      const response = await based(new Request(`http://localhost/api${tail}`));
      assert.equal(response.status, 404);
      assert.equal(decodeEnvelope(await response.text()).type, "error");
    }),
  );
  assert.equal((await based(new Request("http://localhost/api/health"))).status, 200);
});

test("httpAgent() makes a message or an error of any answer, and does not hang", async () => {
  let asked = "";
  const answers = fc.record({
    status: fc.constantFrom(200, 200, 200, 201, 400, 404, 429, 500, 503),
    type: fc.constantFrom("application/json", "text/event-stream", "text/html", ""),
    retryAfter: fc.option(fc.oneof(fc.string({ maxLength: 5 }), fc.nat().map(String))),
    body: fc.oneof(
      anyBody,
      damaged.map((body) => encoder.encode(body.replace('"request"', '"response"'))),
      damaged.map((body) =>
        encoder.encode(`data: ${body.replace('"request"', '"stream_chunk"')}\n\n`)
      ),
      fc.array(damaged).map((bodies) =>
        encoder.encode(bodies.map((body) => `data: ${body}\n\n`).join(""))
      ),
    ),
    stream: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(answers, async ({ status, type, retryAfter, body, stream }) => {
      const remote = httpAgent("http://peer.test", {
        maxBytes: MAX_BYTES,
        clock: new TestClock(),
        fetch: (_url, init) => {
          asked = (JSON.parse(init.body as string) as { id: string }).id;
          const headers = new Headers(type === "" ? {} : { "content-type": type });
          if (retryAfter !== null && /^[\x21-\x7e]*$/.test(retryAfter)) {
            headers.set("retry-after", retryAfter);
          }
          const said = new TextDecoder().decode(body).replaceAll(ID, asked);
          return Promise.resolve(new Response(said, { status, headers }));
        },
      });
      try {
        if (stream) {
          for await (const chunk of remote.stream(message("user", "x"))) {
            assert.ok(isMessage(chunk));
          }
        } else assert.ok(isMessage(await soon(remote.process(message("user", "x")))));
        assert.equal(status, 200);
      } catch (error) {
        assert.ok(error instanceof AgenkitError, `${error}`);
        assert.ok(error.message.length > 0);
        const after = error.retryAfterMs;
        assert.ok(after === undefined || (Number.isFinite(after) && after >= 0), `${after}`);
      }
    }),
    { numRuns: 1000 },
  );
});
