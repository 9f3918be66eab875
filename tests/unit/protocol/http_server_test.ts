import assert from "node:assert/strict";
import { test } from "node:test";
import { agent } from "../../../src/core/agent.ts";
import { AgenkitError } from "../../../src/core/errors.ts";
import type { Json, JsonObject } from "../../../src/core/json.ts";
import { text } from "../../../src/core/message.ts";
import { httpHandler } from "../../../src/transport/http/server.ts";
import { assertHas, type Vector, vectors } from "./vector.ts";
import http from "./vectors/http_server.json" with { type: "json" };

interface ServerVector extends Vector {
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers?: Record<string, string>;
    /** The body as JSON, as text or as bytes. */
    readonly body?: Json;
    readonly text?: string;
    readonly bytes?: readonly number[];
  };
  readonly status: number;
  /** Headers of the answer; `null` for one that must not be there. */
  readonly headers?: Record<string, string | null>;
  /** What the answer has, at least. Of an error's text, a part. */
  readonly answer?: Json;
  /** The events of a stream, all of them. */
  readonly events?: readonly Json[];
}

const handler = httpHandler([
  agent({
    name: "echo",
    process: (m) => `Echo: ${text(m)}`,
    async *stream(m) {
      yield "Echo: ";
      yield text(m);
    },
  }),
  agent("plain", (m) => `plain: ${text(m)}`),
  agent("mirror", (m) => m),
  agent("silent", async function* () {}),
  agent({
    name: "broken",
    process: () => Promise.reject(new Error("the agent broke")),
    async *stream() {
      if (performance.now() > 0) throw new Error("the agent broke");
      yield "";
    },
  }),
  agent("down", () => {
    throw new AgenkitError("unavailable", "later", { retryAfterMs: 1500 });
  }),
  agent("torn", async function* () {
    yield "one";
    throw new AgenkitError("data_loss", "torn");
  }),
  agent("huge", async function* () {
    yield "x".repeat(5000);
  }),
  agent("odd", async function* () {
    yield* [];
    throw new AgenkitError("internal", "odd", { details: { n: 1n } as unknown as JsonObject });
  }),
], { maxBytes: 4096 });

/** As `assertHas`, but an error's text need only hold what is expected. */
function assertAnswer(actual: unknown, expected: Json): void {
  const { payload, ...rest } = expected as { payload?: { error_message?: string } };
  const { error_message: part, ...others } = payload ?? {};
  assertHas(actual, rest as Json);
  assertHas((actual as JsonObject).payload, others);
  if (part !== undefined) {
    const whole = ((actual as JsonObject).payload as { error_message: string }).error_message;
    assert.ok(whole.includes(part), whole);
  }
}

for (const vector of vectors<ServerVector>(http)) {
  const { request, status, headers = {}, answer, events } = vector;
  test(`httpHandler() of WIRE ${vector.row}: ${vector.name}`, async () => {
    const body = request.bytes !== undefined
      ? Uint8Array.from(request.bytes)
      : request.body !== undefined
      ? JSON.stringify(request.body)
      : request.text ?? null;
    const response = await handler(
      new Request(`http://localhost${request.path}`, {
        method: request.method,
        headers: request.headers ?? {},
        body,
      }),
    );
    const got = await response.text();
    assert.equal(response.status, status, got);
    for (const [name, value] of Object.entries(headers)) {
      assert.equal(response.headers.get(name), value);
    }
    if (request.method === "HEAD") assert.equal(got, "");
    if (answer !== undefined) {
      assertAnswer(JSON.parse(got), answer);
      assert.equal(response.headers.get("content-type"), "application/json");
    }
    if (events !== undefined) {
      assert.match(got, /^(data: [\x20-\x7e]+\n\n)+$/);
      const parts = got.split("\n\n").slice(0, -1);
      assert.equal(parts.length, events.length, got);
      for (const [i, event] of events.entries()) {
        assertAnswer(JSON.parse(parts[i]!.slice("data: ".length)), event);
      }
    }
    assert.equal(handler.inFlight, 0);
  });
}
