import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, message, text } from "../../../../mod.ts";
import { TestClock } from "../../../../src/testing/mod.ts";
import { httpHandler } from "../../../../src/transport/http/mod.ts";
import { http3Agent, http3Fetch, type SendRequest } from "../../../../src/transport/http3/mod.ts";
import { rejection } from "../../rejection.ts";

/** A server that announces HTTP/3, and what it was asked over what. */
function server(behaviour: { altSvc?: string; http3?: () => void } = {}) {
  const handler = httpHandler(agent("echo", (m) => `Echo: ${text(m)}`));
  const seen: string[] = [];
  const fetch: SendRequest = async (url, init) => {
    const { protocol, ...rest } = init;
    seen.push(`${protocol ?? "tcp"} ${init.method} ${url}`);
    if (protocol === "http3") behaviour.http3?.();
    const response = await handler(new Request(url, rest));
    response.headers.set("alt-svc", behaviour.altSvc ?? 'h3=":8444"; ma=60');
    return response;
  };
  return { fetch, seen };
}

const ask = async (remote: ReturnType<typeof http3Agent>) =>
  text(await remote.process(message("user", "hello")));
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

test("http3Agent() speaks HTTP/3 with h3:// and https:// alike", async () => {
  for (const url of ["h3://agents.example:8443/", "https://agents.example:8443"]) {
    const { fetch, seen } = server();
    const remote = http3Agent(url, { fetch });
    assert.equal(remote.name, "agents.example:8443");
    assert.equal(remote.speaksHttp3, true);
    assert.equal(await ask(remote), "Echo: hello");
    assert.deepEqual(seen, ["http3 POST https://agents.example:8443/process"]);
  }
});

test("http3Agent() follows an announcement once a request was answered there", async () => {
  const clock = new TestClock();
  const { fetch, seen } = server();
  const remote = http3Agent("https://agents.example:8443", { fetch, clock, use: "announced" });
  assert.equal(remote.speaksHttp3, false);
  assert.equal(await ask(remote), "Echo: hello");
  await settled();
  assert.equal(remote.speaksHttp3, true);
  assert.equal(await ask(remote), "Echo: hello");
  assert.deepEqual(seen, [
    "tcp POST https://agents.example:8443/process",
    "http3 HEAD https://agents.example:8444/health",
    "http3 POST https://agents.example:8444/process",
  ]);
  await clock.advance(60_000);
  assert.equal(remote.speaksHttp3, false);
});

test("http3Agent() stays with TCP while UDP does not get through", async () => {
  const clock = new TestClock();
  const lost = Object.assign(new Error("failed"), { code: "HTTP3HandshakeFailed" });
  const { fetch, seen } = server({
    http3: () => {
      throw lost;
    },
  });
  const remote = http3Agent("https://agents.example:8443", { fetch, clock, use: "announced" });
  for (let call = 0; call < 3; call++) {
    assert.equal(await ask(remote), "Echo: hello");
    await settled();
  }
  assert.deepEqual(seen.filter((line) => line.startsWith("http3")).length, 1);
  await clock.advance(60_000);
  await ask(remote);
  await settled();
  assert.deepEqual(seen.filter((line) => line.startsWith("http3")).length, 2);
  // Without TCP to go back to, it says what may be wrong.
  const error = await rejection(ask(http3Agent("h3://agents.example:8443", { fetch })));
  assert.equal(error.code, "unavailable");
  assert.deepEqual(error.details, { begun: false });
  assert.match(error.message, /handshake failed/);
});

test("http3Agent() goes back to TCP when HTTP/3 breaks, and when the server takes it back", async () => {
  let broken = false;
  const behaviour = {
    altSvc: 'h3=":8444"',
    http3: () => {
      if (broken) throw new Error("connection lost");
    },
  };
  const { fetch, seen } = server(behaviour);
  const remote = http3Agent("https://agents.example:8443", { fetch, use: "announced" });
  await ask(remote);
  await settled();
  broken = true;
  assert.equal((await rejection(ask(remote))).code, "unavailable");
  assert.equal(remote.speaksHttp3, false);
  assert.equal(await ask(remote), "Echo: hello");
  assert.match(seen.at(-1)!, /^tcp/);
});

test("http3Fetch() is only there where fetch speaks HTTP/3", () => {
  const make = () => http3Fetch();
  if ((globalThis as { Bun?: unknown }).Bun !== undefined) return void make();
  assert.throws(make, { code: "unimplemented", message: /only Bun/ });
});

test("http3Agent() refuses what cannot be", async () => {
  const { fetch } = server();
  for (const url of ["http://localhost", "h2c://localhost", "localhost", ""]) {
    assert.throws(() => http3Agent(url, { fetch }), TypeError);
  }
  assert.throws(() => http3Agent("h3://localhost", { fetch, use: "never" as "always" }), /'use'/);
  assert.match(String(await rejection(http3Fetch({ fetch })("http://localhost"))), /https/);
});
