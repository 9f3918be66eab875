import { connect, createServer, type Settings } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import assert from "node:assert/strict";
import { agent, message, text } from "../../../../mod.ts";
import { serve } from "../../../../src/serve/mod.ts";
import { grpcAgent, grpcHandler, serveGrpc } from "../../../../src/transport/grpc/mod.ts";
import { destroyLater } from "../../../../src/transport/http2/destroy_later.ts";

const MIB = 1024 * 1024;
const echo = agent("echo", (m) => text(m));

/** What a server says of itself. */
async function settingsOf(url: string): Promise<Settings> {
  const session = connect(url.replace("grpc:", "http:"));
  destroyLater(session);
  const settings = await new Promise<Settings>((resolve, reject) => {
    session.once("remoteSettings", resolve);
    session.once("error", reject);
  });
  session.close();
  return settings;
}

test("servers take a message of 1 MiB without a wait for each 64 KiB of it", async () => {
  await using own = await serveGrpc(echo, { port: 0 });
  await using shared = await serve(echo, { port: 0, grpc: "shared" });
  for (const url of [own.url, shared.url]) {
    assert.equal((await settingsOf(url)).initialWindowSize, MIB, url);
  }
});

test("clients take an answer of 1 MiB without a wait for each 64 KiB of it", async () => {
  const server = createServer();
  server.on("request", grpcHandler(echo));
  const told = Promise.withResolvers<Settings>();
  server.on("session", (session) => {
    destroyLater(session);
    session.once("remoteSettings", told.resolve);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const remote = grpcAgent(`grpc://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const content = "x".repeat(2 * MIB);
  assert.equal((await remote.process(message("user", content))).content, content);
  assert.equal((await told.promise).initialWindowSize, MIB);
  await remote[Symbol.asyncDispose]();
  await new Promise((resolve) => server.close(resolve));
});
