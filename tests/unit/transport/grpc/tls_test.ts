import { test } from "node:test";
import assert from "node:assert/strict";
import { message, text } from "../../../../mod.ts";
import { grpcAgent, serveGrpc } from "../../../../src/transport/grpc/mod.ts";
import { certificates } from "../../../support/certificates.ts";
import { echoAgent } from "../rpc/agents.ts";

const ask = message("user", "x");

test("grpcAgent() trusts the authority it is given, and no other", async () => {
  const { ca, server: identity, strangerCa } = await certificates();
  await using server = await serveGrpc(echoAgent(), { port: 0, tls: identity });
  assert.match(server.url, /^grpcs:/);
  await using trusting = grpcAgent(server.url, { tls: { ca } });
  assert.equal(text(await trusting.process(ask)), "x");
  await using stranger = grpcAgent(server.url, { tls: { ca: strangerCa } });
  await assert.rejects(stranger.process(ask), { code: "unavailable" });
  await using plain = grpcAgent(server.url);
  await assert.rejects(plain.process(ask), { code: "unavailable" });
});

test("serveGrpc() that knows who signs clients refuses those without a certificate", async () => {
  const { ca, server: identity, client } = await certificates();
  await using server = await serveGrpc(echoAgent(), { port: 0, tls: { ...identity, ca } });
  await using known = grpcAgent(server.url, { tls: { ca, ...client } });
  assert.equal(text(await known.process(ask)), "x");
  await using unknown = grpcAgent(server.url, { tls: { ca }, timeoutMs: 5_000 });
  await assert.rejects(unknown.process(ask), {
    code: "unavailable",
    message: /certificate.?required/i,
  });
});

test("serveGrpc() refuses what is no PEM text", async () => {
  await assert.rejects(serveGrpc(echoAgent(), { port: 0, tls: { cert: "x", key: "y" } }), {
    name: "TypeError",
    message: /'tls.cert' must be PEM text/,
  });
});
