import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, RemoteError } from "../../../src/core/errors.ts";
import type { Json } from "../../../src/core/json.ts";
import { message, text } from "../../../src/core/message.ts";
import { httpAgent } from "../../../src/transport/http/client.ts";
import { TestClock } from "../../../src/testing/test_clock.ts";
import { assertHas, type Vector, vectors } from "./vector.ts";
import http from "./vectors/http_client.json" with { type: "json" };

interface ClientVector extends Vector {
  readonly method: "process" | "stream";
  /** What the peer answers; `{id}` in it stands for the request's id. */
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body?: Json;
    readonly text?: string;
  };
  /** What the message has that the call gives. */
  readonly value?: Json;
  /** The texts of the chunks that a stream gives, also before an error. */
  readonly values?: readonly string[];
  readonly error?: {
    readonly code: string;
    /** A part of its text. */
    readonly text: string;
    readonly remoteCode?: string;
    readonly retryable?: boolean;
    readonly retryAfterMs?: number;
  };
}

function peer({ status, headers, body, text }: ClientVector["response"]) {
  const fetch = (_url: string, init: RequestInit): Promise<Response> => {
    const { id } = JSON.parse(init.body as string) as { id: string };
    const content = body === undefined ? text : JSON.stringify(body);
    return Promise.resolve(
      new Response(content?.replaceAll("{id}", id) ?? null, { status, headers }),
    );
  };
  const clock = new TestClock();
  return { clock, remote: httpAgent("http://peer.test/", { fetch, clock }) };
}

for (const vector of vectors<ClientVector>(http)) {
  const { method, response, value, values, error } = vector;
  test(`httpAgent() of WIRE ${vector.row}: ${vector.name}`, async () => {
    const { clock, remote } = peer(response);
    const seen: string[] = [];
    const outcome = (async () => {
      if (method === "process") return await remote.process(message("user", "hello"));
      for await (const chunk of remote.stream(message("user", "hello"))) seen.push(text(chunk));
    })();
    if (error === undefined) {
      const got = await outcome;
      if (value !== undefined) assertHas(got, value);
    } else {
      await assert.rejects(outcome, (thrown) => {
        assert.ok(thrown instanceof AgenkitError, `${thrown}`);
        assert.ok(thrown.message.includes(error.text), thrown.message);
        assert.equal(thrown.code, error.code);
        if (error.retryable !== undefined) assert.equal(thrown.retryable, error.retryable);
        assert.equal(thrown.retryAfterMs, error.retryAfterMs);
        if (error.remoteCode !== undefined) {
          assert.ok(thrown instanceof RemoteError);
          assert.equal(thrown.remoteCode, error.remoteCode);
        }
        return true;
      });
    }
    if (values !== undefined) assert.deepEqual(seen, values);
    assert.equal(clock.pending, 0, "no timer is left");
  });
}
