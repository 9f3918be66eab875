import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { agent, message, text } from "../../../mod.ts";
import { serve, type ServeOptions } from "../../../src/serve/mod.ts";
import { socketAgent } from "../../../src/transport/socket/mod.ts";
import { certificates } from "../../support/certificates.ts";

const hello = message("user", "hello");
const echo = agent("echo", (m) => `Echo: ${text(m)}`);

/** Calls an agent once. */
async function call(url: string, tls?: { ca: string }): Promise<string> {
  await using remote = socketAgent(url, { tls });
  return text(await remote.process(hello));
}

test("serve() listens at TCP and Unix sockets besides, and they end with it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "agenkit-serve-"));
  const path = join(folder, "a", "echo.sock");
  try {
    const server = await serve(echo, { port: 0, tcp: 0, unix: path });
    const [http, tcp, unix] = server.endpoints;
    assert.equal(http, server.url);
    assert.match(tcp!, /^tcp:\/\/127\.0\.0\.1:\d+$/);
    assert.equal(unix, `unix://${path}`);
    assert.equal(await call(tcp!), "Echo: hello");
    assert.equal(await call(unix!), "Echo: hello");
    await server.drain();
    await assert.rejects(call(tcp!), { code: "unavailable" });
    assert.equal(existsSync(path), false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("serve() counts the calls of its sockets, lets them end, and gives them its limits", async () => {
  const started = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const slow = agent("slow", () => {
    started.resolve();
    return answer.promise;
  });
  const server = await serve(slow, {
    port: 0,
    tcp: { port: 0, hostname: "127.0.0.1", maxConnections: 2 },
    maxBytes: 1000,
  });
  await using remote = socketAgent(server.endpoints[1]!, { maxBytes: 10_000 });
  await assert.rejects(remote.process(message("user", "x".repeat(2000))), {
    code: "resource_exhausted",
  });
  const calling = remote.process(hello);
  await started.promise;
  assert.equal(server.inFlight, 1);
  const drained = server.drain();
  answer.resolve("in the end");
  assert.equal(text(await calling), "in the end");
  await drained;
});

test("serve() speaks TLS at its TCP socket where it does over HTTP", async () => {
  const { ca, server: tls } = await certificates();
  const server = await serve(echo, { port: 0, tls, tcp: 0 });
  try {
    const [, tcps] = server.endpoints;
    assert.match(tcps!, /^tcps:/);
    assert.equal(await call(tcps!.replace("127.0.0.1", "localhost"), { ca }), "Echo: hello");
  } finally {
    await server.close();
  }
});

test("serve() does not listen at all if it cannot at one of its sockets", async () => {
  await using first = await serve(echo, { port: 0, tcp: 0 });
  const taken = Number(new URL(first.endpoints[1]!).port);
  await assert.rejects(serve(echo, { port: 0, tcp: taken }), { code: "unavailable" });
  await assert.rejects(serve(echo, { port: 0, tcp: 70_000 }), RangeError);
  const options = { port: 0, tcp: { port: 0, maxConnections: 0 } } as ServeOptions;
  await assert.rejects(serve(echo, options), RangeError);
  await assert.rejects(serve(echo, { port: 0, unix: "" }), TypeError);
});
