import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, message, text } from "../../../../mod.ts";
import { httpAgent, httpHandler } from "../../../../src/transport/http/mod.ts";

test("httpAgent() takes an h2c:// address as cleartext HTTP", async () => {
  const handler = httpHandler(agent("echo", (m) => `Echo: ${text(m)}`), { basePath: "/api" });
  const called: string[] = [];
  const remote = httpAgent("h2c://localhost:8080/api/", {
    fetch: (url, init) => {
      called.push(url);
      return handler(new Request(url, init));
    },
  });
  assert.equal(text(await remote.process(message("user", "hello"))), "Echo: hello");
  assert.deepEqual(called, ["http://localhost:8080/api/process"]);
  assert.equal(remote.name, "localhost:8080");
});

test("httpAgent() refuses an address that is not HTTP", () => {
  for (const url of ["ftp://localhost", "localhost:8080", "", "h3://localhost"]) {
    assert.throws(() => httpAgent(url), TypeError);
  }
});
