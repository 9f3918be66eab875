import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, type Json, message, RemoteError, text } from "../../../../mod.ts";
import { echoAgent, pair, until } from "./agents.ts";

for (const protocol of ["connect", "grpc-web"] as const) {
  test(`rpcAgent() carries text and metadata over ${protocol}`, async () => {
    const { remote } = pair(protocol);
    const sent = message("user", "Hello 世界 🌍 \u2028", { a: "x", "k y": "" });
    const answer = await remote.process(sent);
    assert.equal(answer.role, "agent");
    assert.equal(answer.content, sent.content);
    assert.deepEqual(answer.metadata, sent.metadata);
  });

  for (
    const content of ["", '{"a": 1}', "42", "null", '"quoted"', null, 42, { a: [1, null] }, []]
  ) {
    test(`rpcAgent() keeps content ${JSON.stringify(content)} over ${protocol}`, async () => {
      const { remote } = pair(protocol);
      const metadata: Record<string, Json> = {
        value: content,
        text: JSON.stringify(content),
        trace_context: { traceparent: "00-1-2-01" },
      };
      const answer = await remote.process(message("user", content, metadata));
      assert.deepEqual(answer.content, content);
      assert.deepEqual(answer.metadata, metadata);
    });
  }

  test(`rpcAgent() streams over ${protocol}`, async () => {
    const { remote } = pair(protocol);
    const chunks = await Array.fromAsync(remote.stream(message("user", "n")));
    assert.deepEqual(chunks.map(text), ["n 0", "n 1", "n 2"]);
  });

  test(`rpcAgent() gets an agent's failure with its code over ${protocol}`, async () => {
    const { remote } = pair(protocol);
    await assert.rejects(remote.process(message("user", "fail")), (error) => {
      assert.ok(error instanceof RemoteError);
      assert.equal(error.code, "unknown");
      assert.equal(error.message, "the agent failed on purpose");
      return true;
    });
    const got: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of remote.stream(message("user", "fail after 2"))) {
        got.push(text(chunk));
      }
    }, { code: "unknown", message: "the stream broke on purpose" });
    assert.deepEqual(got, ["fail after 2 0", "fail after 2 1"]);
  });

  test(`rpcAgent() that stops reading cancels the agent over ${protocol}`, async () => {
    const seen = { ended: [] as boolean[], signals: [] as AbortSignal[] };
    const { remote, handler } = pair(protocol, echoAgent(seen));
    for await (const chunk of remote.stream(message("user", "hang after 1"))) {
      assert.equal(text(chunk), "hang after 1 0");
      break;
    }
    await until(() => seen.ended.length === 1, "the stream to end");
    assert.deepEqual(seen.ended, [false]);
    assert.equal(seen.signals[0]!.aborted, true);
    await until(() => handler.inFlight === 0, "the call to be over");
  });

  test(`rpcAgent() that is aborted cancels the agent over ${protocol}`, async () => {
    const seen = { signals: [] as AbortSignal[] };
    const { remote, handler } = pair(protocol, echoAgent(seen));
    const controller = new AbortController();
    const call = remote.process(message("user", "hang"), { signal: controller.signal });
    await until(() => seen.signals.length === 1, "the agent to be called");
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(call, (error) => error === reason);
    await until(() => seen.signals[0]!.aborted, "the agent's signal to abort");
    await until(() => handler.inFlight === 0, "the call to be over");
  });

  test(`rpcAgent() tells the server how much time is left over ${protocol}`, async () => {
    const seen = { timesLeft: [] as (number | undefined)[] };
    const { remote } = pair(protocol, echoAgent(seen));
    await remote.process(message("user", "x"), { deadline: performance.now() + 5_000 });
    assert.ok(seen.timesLeft[0]! > 0 && seen.timesLeft[0]! <= 5_000, `${seen.timesLeft[0]}`);
    await assert.rejects(
      remote.process(message("user", "hang"), { deadline: performance.now() + 50 }),
      { name: "TimeoutError", code: "deadline_exceeded" },
    );
  });

  test(`rpcAgent() chooses an agent by name over ${protocol}`, async () => {
    const agents = [agent("a", () => "from a"), agent("b", () => "from b")];
    const { remote } = pair(protocol, agents, { client: { name: "b" } });
    assert.equal(text(await remote.process(message("user", "x"))), "from b");
    await assert.rejects(Array.fromAsync(remote.stream(message("user", "x"))), {
      code: "unimplemented",
    });
  });

  test(`rpcAgent() compresses what is large over ${protocol}`, async () => {
    const { remote } = pair(protocol, echoAgent(), { client: { compression: true } });
    const long = "compress me ".repeat(10_000);
    assert.equal((await remote.process(message("user", long))).content, long);
    const [first] = await Array.fromAsync(remote.stream(message("user", long)));
    assert.equal(text(first!), `${long} 0`);
  });
}
