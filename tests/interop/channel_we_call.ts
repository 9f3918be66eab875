/**
 * Our client against a peer's server over connections that carry envelopes: a
 * TCP, a Unix or a WebSocket. What `we_call.ts` is for HTTP.
 *
 * @module
 */
import { test } from "node:test";
import assert from "node:assert/strict";
import {
  AgenkitError,
  collect,
  delay,
  type Json,
  type JsonObject,
  message,
  RemoteError,
  text,
  TimeoutError,
} from "../../mod.ts";
import type { ChannelAgentOptions, ConnectedAgent } from "../../src/transport/channel/client.ts";
import type { ServerPeer } from "./peers.ts";
import type { Lazy } from "./suite.ts";
import { areApart, chunks, MEGABYTE, NESTED, SEPARATORS, UNICODE, withTime } from "./scenarios.ts";

/** What differs between the peers we call, and the ways to them. */
export interface ChannelCallee {
  readonly language: "python" | "go";
  /** Names the transport in the tests. */
  readonly transport: string;
  readonly server: Lazy<ServerPeer>;
  /** Makes our client of a server's URL. */
  readonly connect: (url: string, options: ChannelAgentOptions) => ConnectedAgent;
  /** The codes of an agent's failure, alone and in a stream. */
  readonly failures: readonly [unary: string, streamed: string];
}

/** Registers the tests of our client against one peer. */
export function weCallOverChannels(callee: ChannelCallee): void {
  const { language, transport, server, connect, failures } = callee;
  const to = `TypeScript -> ${language} over ${transport}:`;
  const remote = async (options: ChannelAgentOptions = {}): Promise<ConnectedAgent> =>
    connect((await server.get()).url, { name: "echo", ...options });
  const ask = (content: Json, metadata: JsonObject = {}) => message("user", content, metadata);
  const behave = (behaviour: string, more: JsonObject = {}) => ask("x", { behaviour, ...more });
  const row = (name: string, run: (agent: ConnectedAgent) => Promise<void>) =>
    test(`${to} ${name}`, async () => {
      await using agent = await remote();
      await run(agent);
    });

  row("a basic message", async (agent) => {
    const reply = await agent.process(ask("Hello"));
    assert.equal(reply.role, "agent");
    assert.equal(text(reply), "Echo: Hello");
    assert.equal(reply.metadata["language"], language);
    assert.equal(reply.metadata["original_content"], "Hello");
    assert.equal(reply.metadata["original_role"], "user");
  });

  row("nested metadata with lists", async (agent) => {
    const reply = await agent.process(ask("Hello", NESTED));
    assert.deepEqual(reply.metadata["original_metadata"], NESTED);
  });

  row("Unicode, empty content, and text that looks like JSON", async (agent) => {
    for (const content of [UNICODE, "", '{"a": 1}', SEPARATORS]) {
      const reply = await agent.process(ask(content));
      assert.equal(text(reply), `Echo: ${content}`);
      assert.equal(reply.metadata["original_content"], content);
      const [chunk] = await collect(agent.stream(ask(content, { behaviour: "same" })));
      assert.equal(chunk?.content, content);
    }
  });

  row("1 MiB and 9 MB there and back", async (agent) => {
    for (const size of [1 << 20, 9 * MEGABYTE]) {
      const request = ask("x".repeat(size), { behaviour: "same" });
      assert.equal(text(await agent.process(request)).length, size);
      const [chunk] = await collect(agent.stream(request));
      assert.equal(text(chunk!).length, size);
    }
  });

  row("10 calls and streams by turns on one connection", async (agent) => {
    for (let i = 0; i < 10; i++) {
      assert.equal(text(await agent.process(ask(`message ${i}`))), `Echo: message ${i}`);
      const streamed = await collect(agent.stream(behave("chunks", { n: 3, text: `s${i}` })));
      assert.deepEqual(streamed.map(text), chunks(3, `s${i}`));
    }
    assert.equal((agent as ConnectedAgent & { connections: number }).connections, 1);
  });

  row("50 calls at once", async (agent) => {
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => agent.process(ask(`at once ${i}`))),
    );
    assert.deepEqual(replies.map(text), replies.map((_, i) => `Echo: at once ${i}`));
  });

  row("streams of 0, 1 and 500 chunks in order", async (agent) => {
    for (const count of [0, 1, 500]) {
      const got = await collect(agent.stream(behave("chunks", { n: count })));
      assert.deepEqual(got.map(text), chunks(count));
      assert.deepEqual(got.map((m) => m.metadata["index"]), [...chunks(count).keys()]);
    }
  });

  row("chunks arrive as they are made", async (agent) => {
    await withTime(100, async (ms) => {
      const arrivals: number[] = [];
      for await (const _ of agent.stream(behave("chunks", { n: 4, ms }))) {
        arrivals.push(performance.now());
      }
      return areApart(arrivals, ms);
    }, "the chunks came at once");
  });

  row("10 streams at once do not mix", async (agent) => {
    const streams = await Promise.all(
      Array.from(
        { length: 10 },
        (_, i) => collect(agent.stream(behave("chunks", { n: 20, text: `s${i}` }))),
      ),
    );
    streams.forEach((got, i) => assert.deepEqual(got.map(text), chunks(20, `s${i}`)));
  });

  row("the agent fails, alone and in a stream, and the connection lives on", async (agent) => {
    const failing = behave("fail", { text: "no such patient" });
    const calls = [() => agent.process(failing), () => collect(agent.stream(failing))];
    for (const [index, call] of calls.entries()) {
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof RemoteError, `${error}`);
        assert.equal(error.remoteCode, failures[index]);
        assert.match(error.message, /no such patient/);
        return true;
      });
    }
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of agent.stream(behave("midfail", { n: 3 }))) got.push(text(chunk));
    }, (error) => error instanceof RemoteError && error.remoteCode === failures[1]);
    assert.deepEqual(got, chunks(3));
    assert.equal(text(await agent.process(ask("next"))), "Echo: next");
  });

  row("a reply with no metadata, and of year 1 or without a zone", async (agent) => {
    const reply = await agent.process(behave("bare"));
    assert.equal(text(reply), "bare");
    assert.deepEqual(reply.metadata, {});
    assert.match(reply.timestamp, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const [chunk] = await collect(agent.stream(behave("bare")));
    assert.deepEqual(chunk?.metadata, {});
  });

  test(`${to} a timeout shorter than the agent, and never its late reply`, async () => {
    // Long enough for a call to a busy peer, and short enough to see that the reply is late.
    await using agent = await remote({ timeoutMs: 800 });
    const late = agent.process(ask("late", { behaviour: "sleep", ms: 1_600 }));
    await assert.rejects(late, TimeoutError);
    for (let i = 0; i < 5; i++) {
      assert.equal(text(await agent.process(ask(`next ${i}`))), `Echo: next ${i}`);
      await delay(200);
    }
    const slow = agent.stream(behave("chunks", { n: 2, ms: 1_600, text: "late" }));
    await assert.rejects(collect(slow), TimeoutError);
    assert.deepEqual(
      (await collect(agent.stream(behave("chunks", { n: 2 })))).map(text),
      chunks(2),
    );
  });

  row("a caller that leaves", async (agent) => {
    const controller = new AbortController();
    const reason = new Error("went home");
    const call = agent.process(behave("sleep", { ms: 1_000 }), { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 100);
    await assert.rejects(call, (error) => error === reason);
    for await (const _ of agent.stream(behave("chunks", { n: 500, ms: 20 }))) break;
    assert.equal(text(await agent.process(ask("next"))), "Echo: next");
  });

  row("a server that dies in the middle of a stream, and comes back", async (agent) => {
    const peer = await server.get();
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of agent.stream(behave("chunks", { n: 500, ms: 20 }))) {
        if (got.push(text(chunk)) === 3) await peer.stop();
      }
    }, (error) => error instanceof AgenkitError && error.code === "unavailable");
    assert.deepEqual(got.slice(0, 3), chunks(3));
    await using impatient = await remote({ reconnect: { maxAttempts: 1 } });
    await assert.rejects(impatient.process(ask("x")), { code: "unavailable" });
    await peer.restart();
    assert.equal(text(await agent.process(ask("back"))), "Echo: back");
  });
}
