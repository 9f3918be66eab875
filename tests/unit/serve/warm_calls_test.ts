import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, collect, message, text } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";
import { httpAgent } from "../../../src/transport/http/mod.ts";

test("a stream without a deadline sends none, also after many calls", async () => {
  const echo = agent({
    name: "echo",
    process: (m) => text(m),
    async *stream(m) {
      yield text(m);
    },
  });
  await using server = await serve(echo, { port: 0 });
  const remote = httpAgent(server.url);
  // Bun 1.4 compiles what runs often, and once made NaN of no deadline.
  for (let i = 0; i < 1_000; i++) await remote.process(message("user", "x"));
  for (let i = 0; i < 20; i++) {
    assert.equal((await collect(remote.stream(message("user", "x")))).length, 1);
  }
});
