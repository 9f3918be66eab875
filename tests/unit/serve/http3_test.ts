import { test } from "node:test";
import assert from "node:assert/strict";
import { agent } from "../../../mod.ts";
import { serve } from "../../../src/serve/mod.ts";
import { http2Agent } from "../../../src/transport/http2/mod.ts";
import { message, text } from "../../../mod.ts";
import { certificates } from "../../support/certificates.ts";
import { rejection } from "../rejection.ts";

const echo = agent("echo", (m) => `Echo: ${text(m)}`);

test("serve() has no HTTP/3 without TLS", async () => {
  assert.match(String(await rejection(serve(echo, { port: 0, http3: true }))), /needs 'tls'/);
});

test("serve() speaks HTTP/3 beside the others on Bun, and says so elsewhere", async () => {
  const { ca, server: tls } = await certificates();
  const serving = serve(echo, { port: 0, tls, http3: true });
  if ((globalThis as { Bun?: unknown }).Bun === undefined) {
    const error = await rejection(serving);
    assert.equal(error.code, "unimplemented");
    assert.match(error.message, /expected Bun/);
    return;
  }
  await using server = await serving;
  await using remote = http2Agent(server.url.replace("127.0.0.1", "localhost"), { tls: { ca } });
  assert.equal(text(await remote.process(message("user", "hello"))), "Echo: hello");
});
