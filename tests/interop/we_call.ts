/**
 * Our client against a peer's server: the rows of the peers' own HTTP tests
 * between languages, 1 to 18, and what those leave out.
 *
 * @module
 */
import { test } from "node:test";
import assert from "node:assert/strict";
import {
  AgenkitError,
  type Agent,
  collect,
  delay,
  type Json,
  type JsonObject,
  message,
  RemoteError,
  text,
  TimeoutError,
} from "../../mod.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import type { ServerPeer } from "./peers.ts";
import type { Lazy } from "./suite.ts";
import {
  areApart,
  chunks,
  freePort,
  MEGABYTE,
  NESTED,
  postEnvelope,
  SEPARATORS,
  UNICODE,
  withTime,
} from "./scenarios.ts";

/** What differs between the peers we call. */
export interface Callee {
  readonly language: "python" | "go";
  readonly server: Lazy<ServerPeer>;
  /** What the text of an error becomes; the published Python replaces it. */
  readonly failure: RegExp;
  /** Whether its agents learn that a caller left. */
  readonly noticesLeaving: boolean;
}

/** Registers the tests of our client against one peer. */
export function weCall({ language, server, failure, noticesLeaving }: Callee): void {
  const to = `TypeScript -> ${language}:`;
  const remote = async (options = {}): Promise<Agent> =>
    httpAgent((await server.get()).url, { name: "echo", ...options });
  const ask = (content: Json, metadata: JsonObject = {}) => message("user", content, metadata);
  const behave = (behaviour: string, more: JsonObject = {}) => ask("x", { behaviour, ...more });
  const stats = async () =>
    JSON.parse(text(await (await remote()).process(behave("stats")))) as Record<string, number>;

  test(`${to} row 1, a basic message`, async () => {
    const reply = await (await remote()).process(ask("Hello"));
    assert.equal(reply.role, "agent");
    assert.equal(text(reply), "Echo: Hello");
    assert.equal(reply.metadata["language"], language);
    assert.equal(reply.metadata["original_content"], "Hello");
    assert.equal(reply.metadata["original_role"], "user");
  });

  test(`${to} row 2, nested metadata with lists`, async () => {
    const reply = await (await remote()).process(ask("Hello", NESTED));
    assert.deepEqual(reply.metadata["original_metadata"], NESTED);
  });

  test(`${to} row 3, Unicode content`, async () => {
    const reply = await (await remote()).process(ask(UNICODE));
    assert.equal(text(reply), `Echo: ${UNICODE}`);
    assert.equal(reply.metadata["original_content"], UNICODE);
  });

  test(`${to} row 4, empty content`, async () => {
    const reply = await (await remote()).process(ask(""));
    assert.equal(text(reply), "Echo: ");
    assert.equal(reply.metadata["original_content"], "");
  });

  test(`${to} row 5, a message of 1 MiB`, async () => {
    const large = "x".repeat(1 << 20);
    const reply = await (await remote()).process(ask(large));
    assert.equal(text(reply).length, large.length + "Echo: ".length);
    assert.equal((reply.metadata["original_content"] as string).length, large.length);
  });

  test(`${to} row 6, the health check`, async () => {
    const response = await fetch(`${(await server.get()).url}/health`);
    await response.body?.cancel();
    assert.equal(response.status, 200);
  });

  test(`${to} row 7, 5 calls in order`, async () => {
    const agent = await remote();
    for (let i = 0; i < 5; i++) {
      assert.equal(text(await agent.process(ask(`message ${i}`))), `Echo: message ${i}`);
    }
  });

  test(`${to} row 8, a raw request with null metadata and no timestamps`, async () => {
    const { url } = await server.get();
    const raw = { role: "user", content: "raw", metadata: null };
    const sent = postEnvelope(`${url}/process`, raw);
    if (language === "go") {
      // The one that kills its connection; our client never sends such a message.
      await assert.rejects(sent);
      assert.equal(text(await (await remote()).process(ask("alive"))), "Echo: alive");
    } else {
      const { status, envelope } = await sent;
      assert.equal(status, 200);
      assert.equal(envelope.payload.message.metadata.language, language);
    }
  });

  const timestamp = "2025-11-13T08:30:00.000Z";
  const rawRows: readonly (readonly [string, string, JsonObject])[] = [
    ["row 9, a raw request with metadata", "raw", NESTED],
    ["row 10, a raw request in Unicode", UNICODE, {}],
    ["row 11, a raw request of 1 MiB", "x".repeat(1 << 20), {}],
  ];
  for (const [row, content, metadata] of rawRows) {
    test(`${to} ${row}`, async () => {
      const { url } = await server.get();
      const raw = { role: "user", content, metadata, timestamp };
      const { status, envelope } = await postEnvelope(`${url}/process`, raw);
      assert.equal(status, 200);
      assert.equal(envelope.payload.message.content, `Echo: ${content}`);
      assert.deepEqual(envelope.payload.message.metadata.original_metadata, metadata);
    });
  }

  for (const [row, count] of [["row 12", 10], ["row 13", 50]] as const) {
    test(`${to} ${row}, ${count} calls at once on one agent`, async () => {
      const agent = await remote();
      const replies = await Promise.all(
        Array.from({ length: count }, (_, i) => agent.process(ask(`at once ${i}`))),
      );
      assert.deepEqual(replies.map(text), replies.map((_, i) => `Echo: at once ${i}`));
    });
  }

  test(`${to} row 14, 10 raw requests at once`, async () => {
    const { url } = await server.get();
    const raw = { role: "user", content: "raw", metadata: {}, timestamp };
    const sent = await Promise.all(
      Array.from({ length: 10 }, () => postEnvelope(`${url}/process`, raw)),
    );
    assert.ok(sent.every(({ status }) => status === 200));
  });

  test(`${to} row 15, nobody listens`, async () => {
    const agent = httpAgent(`http://127.0.0.1:${await freePort()}`);
    await assert.rejects(agent.process(ask("x")), { code: "unavailable" });
    await assert.rejects(collect(agent.stream!(ask("x"))), { code: "unavailable" });
  });

  test(`${to} row 16, a request without a message`, async () => {
    const { status } = await postEnvelope(`${(await server.get()).url}/process`, undefined);
    assert.equal(status, 400);
  });

  test(`${to} row 17, an h2c:// address`, async () => {
    const { url } = await server.get();
    const agent = httpAgent(url.replace("http://", "h2c://"));
    assert.equal(text(await agent.process(ask("Hello"))), "Echo: Hello");
  });

  test(`${to} row 18, 10 calls on one agent`, async () => {
    const agent = await remote();
    const before = await stats();
    for (let i = 0; i < 10; i++) assert.equal(text(await agent.process(ask(`${i}`))), `Echo: ${i}`);
    if (language !== "go") return;
    const opened = (await stats())["connections"]! - before["connections"]!;
    assert.ok(opened <= 2, `expected the connection to be reused, ${opened} were opened`);
  });

  for (const count of [0, 1, 10, 500]) {
    test(`${to} a stream of ${count} chunks in order`, async () => {
      const got = await collect((await remote()).stream!(behave("chunks", { n: count })));
      assert.deepEqual(got.map(text), chunks(count));
      assert.deepEqual(got.map((m) => m.metadata["index"]), [...chunks(count).keys()]);
    });
  }

  test(`${to} chunks arrive as they are made`, async () => {
    const agent = await remote();
    await withTime(100, async (ms) => {
      const arrivals: number[] = [];
      for await (const _ of agent.stream!(behave("chunks", { n: 4, ms }))) {
        arrivals.push(performance.now());
      }
      assert.equal(arrivals.length, 4);
      return areApart(arrivals, ms);
    }, "the chunks came at once");
  });

  test(`${to} 10 streams at once do not mix`, async () => {
    const agent = await remote();
    const streams = await Promise.all(
      Array.from(
        { length: 10 },
        (_, i) => collect(agent.stream!(behave("chunks", { n: 20, text: `s${i}` }))),
      ),
    );
    streams.forEach((got, i) => assert.deepEqual(got.map(text), chunks(20, `s${i}`)));
  });

  test(`${to} a unary call after a stream on one agent`, async () => {
    const agent = await remote();
    await collect(agent.stream!(behave("chunks", { n: 3 })));
    assert.equal(text(await agent.process(ask("after"))), "Echo: after");
  });

  test(`${to} the agent fails`, async () => {
    const failing = (await remote()).process(behave("fail", { text: "no such patient" }));
    await assert.rejects(failing, (error) => {
      assert.ok(error instanceof RemoteError, `${error}`);
      assert.equal(error.remoteCode, "EXECUTION_ERROR");
      assert.match(error.message, failure);
      return true;
    });
  });

  test(`${to} an error before the first chunk`, async () => {
    await assert.rejects(
      collect((await remote()).stream!(behave("fail", { text: "no such patient" }))),
      (error) => error instanceof RemoteError && error.remoteCode === "STREAM_ERROR",
    );
  });

  test(`${to} an error in the middle of a stream`, async () => {
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of (await remote()).stream!(behave("midfail", { n: 3 }))) {
        got.push(text(chunk));
      }
    }, (error) => error instanceof RemoteError && error.remoteCode === "STREAM_ERROR");
    assert.deepEqual(got, chunks(3));
  });

  for (const megabytes of [1, 9]) {
    test(`${to} ${megabytes} MB there and back`, async () => {
      const large = "x".repeat(megabytes * MEGABYTE);
      const agent = await remote();
      const request = ask(large, { behaviour: "same" });
      assert.equal(text(await agent.process(request)).length, large.length);
      const [chunk] = await collect(agent.stream!(request));
      assert.equal(text(chunk!).length, large.length);
    });
  }

  test(`${to} line separators and emoji, unary and streamed`, async () => {
    const agent = await remote();
    assert.equal(text(await agent.process(ask(SEPARATORS))), `Echo: ${SEPARATORS}`);
    const [chunk] = await collect(agent.stream!(ask(SEPARATORS)));
    assert.equal(text(chunk!), `Echo: ${SEPARATORS}`);
    assert.equal(chunk!.metadata["original_content"], SEPARATORS);
  });

  test(`${to} text that looks like JSON stays text`, async () => {
    const reply = await (await remote()).process(ask('{"a": 1}', { behaviour: "same" }));
    assert.equal(reply.content, '{"a": 1}');
  });

  test(`${to} a timeout shorter than the agent`, async () => {
    const agent = await remote({ timeoutMs: 800 });
    const started = performance.now();
    await assert.rejects(agent.process(behave("sleep", { ms: 20_000 })), TimeoutError);
    await assert.rejects(
      collect(agent.stream!(behave("chunks", { n: 2, ms: 20_000 }))),
      TimeoutError,
    );
    assert.ok(performance.now() - started < 10_000);
    assert.equal(text(await agent.process(ask("next"))), "Echo: next");
  });

  test(`${to} a caller that leaves`, async () => {
    const agent = await remote();
    const before = await stats();
    const controller = new AbortController();
    const reason = new Error("went home");
    const call = agent.process(behave("sleep", { ms: 20_000 }), { signal: controller.signal });
    const left = assert.rejects(call, (error) => error === reason);
    // Each look at the counters is a call too, and sees itself.
    for (let looks = 1; (await stats())["calls"]! - before["calls"]! <= looks; looks++) {
      assert.ok(looks < 200, "the call did not arrive");
      await delay(20);
    }
    controller.abort(reason);
    await left;
    for await (const _ of agent.stream!(behave("chunks", { n: 500, ms: 20 }))) break;
    assert.equal(text(await agent.process(ask("next"))), "Echo: next");
    if (!noticesLeaving) return;
    let noticed = 0;
    for (let i = 0; i < 200 && noticed < 2; i++) {
      await delay(50);
      noticed = (await stats())["left"]! - before["left"]!;
    }
    assert.equal(noticed, 2);
  });

  test(`${to} a server that dies in the middle of a stream, and comes back`, async () => {
    const peer = await server.get();
    const agent = await remote();
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of agent.stream!(behave("chunks", { n: 500, ms: 20 }))) {
        if (got.push(text(chunk)) === 3) await peer.stop();
      }
    }, (error) => error instanceof AgenkitError && error.code === "unavailable");
    assert.deepEqual(got.slice(0, 3), chunks(3));
    await assert.rejects(agent.process(ask("x")), { code: "unavailable" });
    await peer.restart();
    assert.equal(text(await agent.process(ask("back"))), "Echo: back");
  });
}
