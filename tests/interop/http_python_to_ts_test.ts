// The client of the published Python agenkit against our server.
import { test } from "node:test";
import assert from "node:assert/strict";
import { pythonWithAgenkit } from "./toolchain.ts";
import { Lazy, needs, ourServer, pythonClient } from "./suite.ts";
import { theyCall } from "./they_call.ts";

const SUITE = "HTTP Python -> TypeScript";
const found = await needs(SUITE, { python: pythonWithAgenkit() });

if (found) {
  const client = new Lazy(() => pythonClient(found.python));
  const server = new Lazy(() => ourServer("Deno"));

  theyCall({ language: "python", client, server, runtime: "Deno", incremental: false });

  test("python -> TypeScript on Deno: content that is no string comes back as its JSON text", async () => {
    const { url } = await server.get();
    for (const value of [{ a: [1, { b: null }] }, [1, "x"], 42, 0.5, true, null]) {
      const metadata = { behaviour: "same" };
      const result = await (await client.get()).run({
        op: "process",
        url,
        message: { content: value, metadata },
      });
      assert.equal(result.error, undefined);
      assert.deepEqual(JSON.parse(result.messages[0]?.content as string), value);
    }
  });

  test("python -> TypeScript on Deno: the text of an error in a stream arrives", async () => {
    const { url } = await server.get();
    const result = await (await client.get()).run({
      op: "stream",
      url,
      message: { content: "x", metadata: { behaviour: "midfail", n: 1 } },
    });
    assert.match(result.error ?? "", /the stream broke on purpose/);
  });

  test(`${SUITE} end`, async () => {
    for (const peer of [client, server]) await peer.stop();
  });
}
