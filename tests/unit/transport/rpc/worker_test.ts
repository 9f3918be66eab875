import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, collect, message, text } from "../../../../mod.ts";
import { worker } from "../../../../src/serve/workers.ts";
import { rpcAgent } from "../../../../src/transport/rpc/mod.ts";

const words = agent({
  name: "words",
  process: (m) => ({ content: { said: m.content } }),
  async *stream(m) {
    yield* text(m).split(" ");
  },
});

for (const protocol of ["connect", "grpc-web"] as const) {
  test(`worker() answers ${protocol}, and a Worker calls it`, async () => {
    const served = worker(words);
    const remote = rpcAgent("https://agents.example", {
      protocol,
      fetch: (url, init) => served.fetch(new Request(url, init), {}),
    });
    const answer = await remote.process(message("user", "hi"));
    assert.deepEqual(answer.content, { said: "hi" });
    const chunks = await collect(remote.stream(message("user", "a b c")));
    assert.deepEqual(chunks.map(text), ["a", "b", "c"]);
  });
}

test("worker() answers HTTP beside RPC, and only HTTP without 'rpc'", async () => {
  const call = (served: ReturnType<typeof worker>, path: string) =>
    served.fetch(
      new Request(`https://agents.example${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ messages: [{ role: "user", content: "hi" }] }),
      }),
      {},
    );
  const both = worker(words);
  assert.equal((await call(both, "/agenkit.AgentService/Process")).status, 200);
  assert.equal((await both.fetch(new Request("https://agents.example/health"), {})).status, 200);
  const http = worker(words, { rpc: false });
  assert.equal((await call(http, "/agenkit.AgentService/Process")).status, 404);
});
