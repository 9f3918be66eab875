// What goes wrong between client and server while calls run: the server dies,
// it goes away, it resets a stream. Every call ends with a code, and the next
// call of the same client connects anew.
import { test } from "node:test";
import assert from "node:assert/strict";
import { constants, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { AgenkitError, type Agent, delay, message, text } from "../../mod.ts";
import { destroyLater } from "../../src/transport/http2/destroy_later.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import type { Stats } from "./agents.ts";
import { type Client, clientOf } from "./clients.ts";
import type { ServerPeer } from "./peers.ts";
import { Lazy, needs, ourServer } from "./suite.ts";
import { named, run } from "./toolchain.ts";

const SUITE = "RPC faults";
const PROTOCOLS = ["http2", "grpc", "connect", "connect-h2", "grpc-web-h2"] as const;
const STREAMS = 50;
const LEAVING = 3_000;
const LEAVING_CLIENTS = fileURLToPath(new URL("leaving_clients.ts", import.meta.url));

const found = await needs(SUITE, {
  node: named("AGENKIT_TEST_NODE"),
  bun: named("AGENKIT_TEST_BUN"),
});
if (found) {
  const programs = [["Deno", Deno.execPath()], ["Node", found.node], ["Bun", found.bun]] as const;
  for (const [runtime, program] of programs) {
    const server = new Lazy(() => ourServer(runtime, program, "--grpc-shared"));
    test(`${SUITE}: a server on ${runtime} is killed while ${STREAMS} streams of each protocol run`, () =>
      killed(server));
    test(`${SUITE}: a server on ${runtime} goes away while calls of each protocol run`, () =>
      goesAway(server));
    test(`${SUITE}: a server on ${runtime} outlives ${LEAVING} clients that come and leave`, async () => {
      const { port, url } = await server.get();
      const clients = await run(found.node, [LEAVING_CLIENTS, `${port}`, `${LEAVING}`]);
      assert.equal(clients.stdout.trim(), `${LEAVING}`, clients.stderr);
      await using ours = new Clients(url);
      await ours.callAll();
    });
    test(`${SUITE} on ${runtime} end`, () => server.stop());
  }
  for (const protocol of ["http2", "grpc", "connect-h2", "grpc-web-h2"]) {
    test(`${SUITE}: RST_STREAM before and in the middle of an answer, ${protocol}`, () =>
      reset(protocol));
  }
}

/** A client of each protocol, closed at the end. */
class Clients implements AsyncDisposable {
  readonly all: readonly (readonly [string, Client])[];

  constructor(url: string) {
    this.all = PROTOCOLS.map((protocol) => [protocol, clientOf({ protocol, url })]);
  }

  /** One call of each, which must succeed. */
  async callAll(): Promise<void> {
    for (const [protocol, client] of this.all) {
      assert.equal(text(await client.process(message("user", protocol))), `Echo: ${protocol}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [, client] of this.all) await client.close?.();
  }
}

async function killed(lazy: Lazy<ServerPeer>): Promise<void> {
  const server = await lazy.get();
  await using clients = new Clients(server.url);
  const endless = message("user", "x", { behaviour: "chunks", n: 100_000, ms: 20 });
  const begun: Promise<void>[] = [];
  const ends = clients.all.flatMap(([protocol, client]) =>
    Array.from({ length: STREAMS }, () => {
      const first = Promise.withResolvers<void>();
      begun.push(first.promise);
      return (async () => {
        try {
          for await (const _ of client.stream(endless)) first.resolve();
        } catch (error) {
          first.reject(error);
          return { protocol, error };
        }
        assert.fail(`${protocol}: the stream ended well`);
      })();
    })
  );
  await Promise.all(begun);
  const started = performance.now();
  await server.stop();
  for (const { protocol, error } of await Promise.all(ends)) {
    assert.ok(error instanceof AgenkitError, `${protocol}: ${error}`);
    assert.equal(error.code, "unavailable", `${protocol}: ${error.message}`);
  }
  const took = performance.now() - started;
  assert.ok(took < 10_000, `the streams ended only after ${took} ms`);
  await server.restart();
  await clients.callAll();
}

async function goesAway(lazy: Lazy<ServerPeer>): Promise<void> {
  const server = await lazy.get();
  await using clients = new Clients(server.url);
  await clients.callAll();
  const slow = message("user", "x", { behaviour: "sleep", ms: 2_000 });
  const calls = clients.all.flatMap(([, client]) =>
    Array.from({ length: 10 }, () => client.process(slow))
  );
  const looking = httpAgent(server.url);
  // Each look at the counters is a call too, and sees itself.
  for (let looks = 1; await called(looking) < PROTOCOLS.length + calls.length + looks; looks++) {
    assert.ok(looks < 500, "not all calls arrived");
    await delay(10);
  }
  const ended = server.terminate();
  for (const answer of await Promise.all(calls)) assert.equal(text(answer), "Echo: x");
  await ended;
  await server.restart();
  await clients.callAll();
}

/** How many calls the server's agent has had. */
async function called(client: Agent): Promise<number> {
  const answer = await client.process(message("user", "x", { behaviour: "stats" }));
  return (JSON.parse(text(answer)) as Stats).calls;
}

/** A server that resets every stream, some after a first word. */
async function reset(protocol: string): Promise<void> {
  let requests = 0;
  const server = createServer((request) => {
    request.stream.on("error", () => {});
    if (requests++ % 2 === 1) {
      const type = request.headers["content-type"]!;
      const answer = protocol === "http2" ? "text/event-stream" : type;
      request.stream.respond({ ":status": 200, "content-type": answer });
    }
    setTimeout(() => request.stream.close(constants.NGHTTP2_INTERNAL_ERROR), 30);
  });
  server.on("session", destroyLater);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = clientOf({ protocol, url });
  for (let attempt = 0; attempt < 4; attempt++) {
    const failed = await (async () => {
      for await (const _ of client.stream(message("user", "x")));
    })().then(() => assert.fail("the stream ended well"), (error) => error);
    assert.ok(failed instanceof AgenkitError, String(failed));
    assert.ok(
      ["unavailable", "internal"].includes(failed.code),
      `${failed.code}: ${failed.message}`,
    );
  }
  assert.equal(requests, 4);
  await client.close?.();
  await new Promise((resolve) => server.close(resolve));
}
