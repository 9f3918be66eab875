/**
 * curl against our server: a client that nobody here wrote.
 *
 * @module
 */
import { test } from "node:test";
import assert from "node:assert/strict";
import { delay, type Json, type JsonObject } from "../../mod.ts";
import { run } from "./toolchain.ts";
import type { Stats } from "./agents.ts";
import type { ServerPeer } from "./peers.ts";
import type { Lazy } from "./suite.ts";
import { chunks, type Loose, SEPARATORS } from "./scenarios.ts";

/** What curl calls. */
export interface CurlTarget {
  readonly curl: string;
  readonly server: Lazy<ServerPeer>;
  /** Starts another server of the kind. */
  readonly start: () => Promise<ServerPeer>;
  /** What our server runs on. */
  readonly runtime: string;
  /** Whether it also speaks HTTP/2 on its cleartext port. */
  readonly h2c: boolean;
}

/** Registers the tests of curl against our server. */
export function curlCalls({ curl, server, start, runtime, h2c }: CurlTarget): void {
  const from = `curl -> TypeScript on ${runtime}:`;

  /** What curl prints, its status, and the headers in lower case. */
  const call = async (path: string, ...args: string[]) => {
    const { url } = await server.get();
    const done = await run(curl, ["-sS", "-i", "--max-time", "20", ...args, url + path]);
    assert.equal(done.ok, true, done.stderr);
    const end = headersEnd(done.stdout);
    const head = done.stdout.slice(0, end).split("\r\n\r\n").at(-1)!;
    return {
      status: Number(/^HTTP\/[\d.]+ (\d+)/.exec(head)?.[1]),
      head: head.toLowerCase(),
      body: done.stdout.slice(end + 4),
    };
  };

  const envelope = (message: Json, more: JsonObject = {}): string =>
    JSON.stringify({
      version: "1.0",
      type: "request",
      id: "curl-1",
      timestamp: "2025-11-13T08:30:00Z",
      payload: { method: "process", message },
      ...more,
    });
  const ask = (content: Json, metadata: JsonObject = {}) =>
    envelope({ role: "user", content, metadata, timestamp: "2025-11-13T08:30:00Z" });
  const json = ["-H", "content-type: application/json"];

  const stats = async (): Promise<Stats> => {
    const { body } = await call("/process", ...json, "-d", ask("x", { behaviour: "stats" }));
    return JSON.parse((JSON.parse(body) as Loose).payload.message.content);
  };

  test(`${from} a message`, async () => {
    const { status, head, body } = await call("/process", ...json, "-d", ask("Hello"));
    assert.equal(status, 200);
    assert.match(head, /content-type: application\/json/);
    const reply: Loose = JSON.parse(body);
    assert.equal(reply.version, "1.0");
    assert.equal(reply.type, "response");
    assert.equal(reply.id, "curl-1");
    assert.match(reply.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(reply.payload.message.content, "Echo: Hello");
    assert.equal(reply.payload.message.role, "agent");
    assert.match(reply.payload.message.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test(`${from} curl's own content type for --data is taken too`, async () => {
    const { status } = await call("/process", "-d", ask("Hello"));
    assert.ok(status === 200 || status === 415, `${status}`);
  });

  test(`${from} a stream, event by event, all of it ASCII`, async () => {
    const metadata = { behaviour: "chunks", n: 3, text: SEPARATORS };
    const { status, head, body } = await call("/stream", ...json, "-d", ask("x", metadata));
    assert.equal(status, 200);
    assert.match(head, /content-type: text\/event-stream/);
    assert.match(head, /cache-control: no-cache/);
    // deno-lint-ignore no-control-regex
    assert.match(body, /^[\x00-\x7f]*$/);
    assert.match(body, /^(data: [^\n]+\n\n){4}$/);
    const events: Loose[] = body.trim().split("\n\n").map((e) => JSON.parse(e.slice(6)));
    assert.deepEqual(events.map((e) => e.type), [
      ...Array(3).fill("stream_chunk"),
      "stream_end",
    ]);
    assert.ok(events.every((e) => e.id === "curl-1" && e.version === "1.0"));
    assert.deepEqual(
      events.slice(0, 3).map((e) => e.payload.message.content),
      chunks(3, SEPARATORS),
    );
    assert.deepEqual(events[3].payload, {});
  });

  test(`${from} with -N events come as they are made, and the body ends with the last`, async () => {
    const { url } = await server.get();
    const child = new Deno.Command(curl, {
      args: [
        "-sSN",
        ...json,
        "-d",
        ask("x", { behaviour: "chunks", n: 4, ms: 250 }),
        `${url}/stream`,
      ],
      stdout: "piped",
    }).spawn();
    const started = performance.now();
    const arrivals: number[] = [];
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      for (const _ of text.matchAll(/data: /g)) arrivals.push(performance.now() - started);
    }
    assert.equal((await child.status).success, true);
    assert.equal(arrivals.length, 5);
    // Held back, they would come at once; a busy reader may see the first ones late.
    assert.ok(arrivals[3]! - arrivals[0]! > 150, `arrived at ${arrivals}`);
    assert.ok(performance.now() - arrivals[4]! - started < 5_000);
  });

  for (const path of ["/health", "/ready", "/live"]) {
    test(`${from} GET and HEAD ${path}`, async () => {
      assert.equal((await call(path)).status, 200);
      const head = await call(path, "-I");
      assert.equal(head.status, 200);
      assert.equal(head.body, "");
    });
  }

  test(`${from} the agents are listed, and each has a path of its own`, async () => {
    const { status, body } = await call("/agents");
    assert.equal(status, 200);
    assert.match(body, /"typescript-peer"/);
    assert.match(body, /"unary"/);
    const named = await call("/agents/unary/process", ...json, "-d", ask("x"));
    assert.match(named.body, /Unary: x/);
    assert.equal((await call("/agents/nobody/process", ...json, "-d", ask("x"))).status, 404);
  });

  if (h2c) {
    test(`${from} HTTP/2 with prior knowledge on the same port`, async () => {
      const { status, head, body } = await call(
        "/process",
        "--http2-prior-knowledge",
        ...json,
        "-d",
        ask("Hello"),
      );
      assert.match(head, /^http\/2 200/);
      assert.equal(status, 200);
      assert.match(body, /Echo: Hello/);
    });
  }

  const bad: readonly (readonly [string, number, string, string])[] = [
    ["broken JSON", 400, "INVALID_MESSAGE", "{"],
    ["an empty body", 400, "INVALID_MESSAGE", ""],
    ["no object", 400, "INVALID_MESSAGE", "[1]"],
    ["a wrong version", 400, "INVALID_MESSAGE", envelope(null, { version: "2.0" })],
    ["a wrong type", 400, "INVALID_MESSAGE", envelope(null, { type: "surprise" })],
    ["no payload", 400, "INVALID_MESSAGE", '{"version":"1.0","type":"request","id":"x"}'],
    ["a null payload", 400, "INVALID_MESSAGE", envelope(null, { payload: null })],
    ["a null message", 400, "INVALID_MESSAGE", envelope(null)],
    ["no role", 400, "INVALID_MESSAGE", envelope({ content: "x" })],
    ["a role that is no string", 400, "INVALID_MESSAGE", envelope({ role: 7, content: "x" })],
    ["no content", 400, "INVALID_MESSAGE", envelope({ role: "user" })],
    [
      "metadata that is no object",
      400,
      "INVALID_MESSAGE",
      envelope({ role: "user", content: "x", metadata: [1] }),
    ],
  ];
  for (const [what, expected, code, body] of bad) {
    test(`${from} ${what} is answered with ${expected}, and the next call works`, async () => {
      for (const path of ["/process", "/stream"]) {
        const answer = await call(path, ...json, "--data-binary", body);
        assert.equal(answer.status, expected, answer.body);
        const error: Loose = JSON.parse(answer.body);
        assert.equal(error.type, "error");
        assert.equal(error.payload.error_code, code);
        assert.equal(typeof error.payload.error_message, "string");
        assert.equal(typeof error.payload.error_details, "object");
      }
      assert.equal((await call("/process", ...json, "-d", ask("next"))).status, 200);
    });
  }

  test(`${from} other methods and paths`, async () => {
    const wrong = await call("/process", "-X", "PUT");
    assert.equal(wrong.status, 405);
    assert.match(wrong.head, /allow: .*post/);
    assert.equal((await call("/process")).status, 405);
    assert.equal((await call("/nowhere")).status, 404);
    const options = await call("/process", "-X", "OPTIONS", "-H", "Origin: https://example.com");
    assert.doesNotMatch(options.head, /access-control/);
  });

  test(`${from} a body that is no JSON by its type is 415`, async () => {
    const { status } = await call("/process", "-H", "content-type: application/grpc", "-d", "x");
    assert.equal(status, 415);
  });

  test(`${from} 10 MiB and one byte is 413, and the next call works`, async () => {
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, "x".repeat(10 * 1024 * 1024 + 1));
      for (const extra of [[], ["-H", "transfer-encoding: chunked"]]) {
        const answer = await call(
          "/process",
          ...json,
          "-H",
          "expect:",
          ...extra,
          "--data-binary",
          `@${file}`,
        );
        assert.equal(answer.status, 413, answer.body);
      }
    } finally {
      await Deno.remove(file);
    }
    assert.equal((await call("/process", ...json, "-d", ask("next"))).status, 200);
  });

  test(`${from} an agent that cannot stream, an agent that fails`, async () => {
    const unary = await call("/agents/unary/stream", ...json, "-d", ask("x"));
    assert.equal(unary.status, 501);
    assert.match(unary.body, /NOT_IMPLEMENTED/);
    const failed = await call("/process", ...json, "-d", ask("x", { behaviour: "fail" }));
    assert.equal(failed.status, 500);
    assert.match(failed.body, /EXECUTION_ERROR/);
  });

  for (const [path, behaviour] of [["/process", "sleep"], ["/stream", "chunks"]] as const) {
    for (const version of h2c ? ["--http1.1", "--http2-prior-knowledge"] : ["--http1.1"]) {
      test(`${from} a client that leaves ${path}, ${version}`, async () => {
        const left = async () => (await stats()).left;
        const before = await left();
        const { url } = await server.get();
        // Small on purpose: Deno's server sees an HTTP/1.1 client leave an unanswered call only
        // if the whole request came in its first 512 bytes.
        const body = JSON.stringify({
          version: "1.0",
          type: "request",
          id: "1",
          payload: {
            message: { role: "user", content: "", metadata: { behaviour, n: 2, ms: 20_000 } },
          },
        });
        const args = ["-s", version, "--max-time", "0.8", ...json, "-d", body];
        assert.equal((await run(curl, [...args, url + path])).ok, false);
        for (let i = 0; i < 200 && await left() === before; i++) await delay(50);
        assert.equal(await left(), before + 1);
      });
    }
  }

  test(`${from} a slow reader slows the agent down`, async () => {
    const { url } = await server.get();
    const before = (await stats()).chunks;
    // 200 MB are offered; 1 MB a second is taken, for a second.
    const wide = ask("x", { behaviour: "chunks", n: 2_000, text: "x".repeat(100_000) });
    const slow = ["-sN", "--limit-rate", "1M", "--max-time", "1", ...json, "-d", wide];
    await run(curl, [...slow, "-o", "/dev/null", `${url}/stream`]);
    const asked = (await stats()).chunks - before;
    assert.ok(asked > 0 && asked < 400, `${asked} chunks were asked of the agent`);
  });

  test(`${from} a server that is told to end finishes its call, and waits for nobody else`, async () => {
    await using ending = await start();
    using _silent = await Deno.connect({ hostname: "127.0.0.1", port: ending.port });
    const post = (body: string) => run(curl, ["-sS", ...json, "-d", body, `${ending.url}/process`]);
    const running = post(ask("x", { behaviour: "sleep", ms: 1_500 }));
    // Each look at the counters is a call too, and sees itself.
    for (let looks = 1;; looks++) {
      const { stdout } = await post(ask("x", { behaviour: "stats" }));
      const seen: Stats = JSON.parse((JSON.parse(stdout) as Loose).payload.message.content);
      if (seen.calls > looks) break;
      assert.ok(looks < 200, "the call did not arrive");
      await delay(20);
    }
    const started = performance.now();
    await ending.terminate();
    const took = performance.now() - started;
    assert.match((await running).stdout, /Echo: x/);
    assert.ok(took < 10_000, `took ${took} ms`);
  });

  test(`${from} the caller's time limit is kept by the server`, async () => {
    const started = performance.now();
    const limited = await call(
      "/process",
      ...json,
      "-H",
      "agenkit-timeout-ms: 150",
      "-d",
      ask("x", { behaviour: "sleep", ms: 15_000 }),
    );
    assert.equal(limited.status, 504);
    assert.match(limited.body, /AGENT_TIMEOUT/);
    assert.ok(performance.now() - started < 10_000);
  });
}

/** Where the headers of the last of several responses end (after a 100 Continue). */
function headersEnd(output: string): number {
  let end = output.indexOf("\r\n\r\n");
  while (output.startsWith("HTTP/", end + 4)) end = output.indexOf("\r\n\r\n", end + 4);
  return end;
}
