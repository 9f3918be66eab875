import assert from "node:assert/strict";
import { request } from "node:https";
import { createConnection } from "node:net";
import { test } from "node:test";
import { AgenkitError, agent, collect, message, text } from "../../../mod.ts";
import { type AgentServer, serve } from "../../../src/serve/mod.ts";
import { httpAgent } from "../../../src/transport/http/mod.ts";
import { certificates } from "../../support/certificates.ts";
import { rejection } from "../rejection.ts";

const hello = message("user", "hello");
const echo = agent("echo", async function* (m) {
  yield "Echo: ";
  yield text(m);
});

/** An agent that answers when it is told to, and tells of its calls. */
function gated() {
  const started = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<string>();
  const reason = Promise.withResolvers<unknown>();
  const target = agent("gated", (_m, call) => {
    call.signal!.addEventListener("abort", () => reason.resolve(call.signal!.reason));
    started.resolve();
    return gate.promise;
  });
  return { target, started: started.promise, gate, left: reason.promise };
}

async function statusOf(server: AgentServer, path: string): Promise<number> {
  const response = await fetch(`${server.url}${path}`);
  await response.body?.cancel();
  return response.status;
}

test("serve() listens at a free port of the loopback address and says where", async () => {
  const server = await serve(echo, { port: 0 });
  try {
    assert.equal(server.hostname, "127.0.0.1");
    assert.ok(server.port > 0);
    assert.equal(server.url, `http://127.0.0.1:${server.port}`);
    assert.equal(server.endpoints[0], server.url);
    const remote = httpAgent(server.url);
    assert.equal(text(await remote.process(hello)), "Echo: hello");
    assert.deepEqual((await collect(remote.stream(hello))).map(text), ["Echo: ", "hello"]);
    assert.equal(server.inFlight, 0);
  } finally {
    await server.drain();
  }
  await server.finished;
  const gone = await rejection(httpAgent(server.url).process(hello));
  assert.equal(gone.code, "unavailable");
});

test("serve() gives an address for all of them that clients can use", async () => {
  const server = await serve(echo, { port: 0, hostname: "0.0.0.0" });
  try {
    assert.equal(server.hostname, "0.0.0.0");
    assert.equal(server.url, `http://127.0.0.1:${server.port}`);
    assert.equal(await statusOf(server, "/live"), 200);
  } finally {
    await server.drain();
  }
});

test("serve() refuses a port that is taken, with where and why", async () => {
  const server = await serve(echo, { port: 0 });
  try {
    const taken = await rejection(serve(echo, { port: server.port }));
    assert.ok(taken instanceof AgenkitError);
    assert.equal(taken.code, "unavailable");
    assert.match(taken.message, new RegExp(`^Cannot listen at 127\\.0\\.0\\.1:${server.port}: .`));
    assert.equal(
      text(await httpAgent(server.url).process(hello)),
      "Echo: hello",
      "the first goes on",
    );
  } finally {
    await server.drain();
  }
});

test("serve() refuses options that cannot be, before it listens", async () => {
  await assert.rejects(serve(echo, { port: 70_000 }), /RangeError: Cannot serve as 'port' must be/);
  await assert.rejects(serve(echo, { port: "80" as unknown as number }), /TypeError: .*'port'/);
  await assert.rejects(serve(echo, { port: 0, idleTimeoutMs: 0 }), /'idleTimeoutMs'/);
  await assert.rejects(serve(echo, { port: 0, drainTimeoutMs: -1 }), /'drainTimeoutMs'/);
  await assert.rejects(serve(echo, { port: 0, maxInFlight: NaN }), /'maxInFlight'/);
  await assert.rejects(serve([], { port: 0 }), /expected at least one agent/);
  const tls = { cert: "-----BEGIN CERTIFICATE-----", key: "-----BEGIN PRIVATE KEY-----" };
  await assert.rejects(
    serve(echo, { port: 0, tls: { ...tls, key: "x" } }),
    /TypeError: .*'tls.key'/,
  );
  const asking = { ...tls, ca: tls.cert };
  await assert.rejects(
    serve(echo, { port: 0, tls: asking }),
    /TypeError: .*'tls.ca' is not for HTTP/,
  );
  await assert.rejects(serve(echo, null as never), /expected an object of options/);
  const wrong = { hostname: 5, rpc: "no", signal: {} };
  for (const [name, value] of Object.entries(wrong)) {
    await assert.rejects(
      serve(echo, { port: 0, [name]: value }),
      new RegExp(`TypeError: Cannot serve as '${name}' must be`),
    );
  }
  const reason = new Error("not now");
  await assert.rejects(serve(echo, { port: 0, signal: AbortSignal.abort(reason) }), reason);
});

test("drain() lets what runs end, takes nothing new, and can be called again", async () => {
  const { target, started, gate } = gated();
  const server = await serve(target, { port: 0 });
  const running = httpAgent(server.url).process(hello);
  await started;
  assert.equal(server.inFlight, 1);
  const drained = server.drain();
  assert.equal(server.drain(), drained);
  // A connection made now is refused, or its call is.
  assert.equal((await rejection(httpAgent(server.url).process(hello))).code, "unavailable");
  gate.resolve("done");
  assert.equal(text(await running), "done");
  await drained;
  await server.finished;
  assert.equal(server.inFlight, 0);
});

test("drain() cuts what still runs when its patience ends", async () => {
  const { target, started, left, gate } = gated();
  const server = await serve(target, { port: 0, drainTimeoutMs: 50 });
  const running = rejection(httpAgent(server.url).process(hello));
  await started;
  await server.drain();
  assert.equal((await running).code, "unavailable");
  await left;
  gate.resolve("too late");
});

test("drain() does not wait for connections that are idle", async () => {
  const server = await serve(echo, { port: 0, drainTimeoutMs: 60_000 });
  await httpAgent(server.url).process(hello);
  const silent = createConnection(server.port, "127.0.0.1");
  await new Promise((resolve) => silent.once("connect", resolve));
  silent.on("error", () => {});
  const start = performance.now();
  await server.drain();
  assert.ok(performance.now() - start < 20_000);
  silent.destroy();
});

test("close() cuts what runs, also while it drains", async () => {
  for (const draining of [false, true]) {
    const { target, started, left, gate } = gated();
    const server = await serve(target, { port: 0, drainTimeoutMs: 60_000 });
    const running = rejection(httpAgent(server.url).process(hello));
    await started;
    const drained = draining ? server.drain() : undefined;
    await server.close();
    await drained;
    await server.finished;
    assert.equal((await running).code, "unavailable");
    await left;
    gate.resolve("too late");
  }
});

test("serve() drains when its signal aborts, and at the end of the scope", async () => {
  const controller = new AbortController();
  const server = await serve(echo, { port: 0, signal: controller.signal });
  await httpAgent(server.url).process(hello);
  controller.abort();
  await server.finished;
  const scoped = await serve(echo, { port: 0 });
  await scoped[Symbol.asyncDispose]();
  await scoped.finished;
});

test("serve() aborts the agent's signal when the client leaves a call", async () => {
  const { target, started, left, gate } = gated();
  const server = await serve(target, { port: 0 });
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  const call = rejection(httpAgent(server.url).process(hello, { signal: controller.signal }));
  await started;
  controller.abort(reason);
  assert.equal(await call, reason);
  await left;
  gate.resolve("nobody listens");
  await server.drain();
});

test("serve() ends the agent's stream when the client leaves it", async () => {
  const ended = Promise.withResolvers<void>();
  let sent = 0;
  const endless = agent("endless", async function* () {
    try {
      for (;;) {
        yield `${sent++}`;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      ended.resolve();
    }
  });
  const server = await serve(endless, { port: 0 });
  for await (const chunk of httpAgent(server.url).stream(hello)) {
    if (text(chunk) === "2") break;
  }
  await ended.promise;
  await server.drain();
  assert.ok(sent < 1000, `${sent} chunks for a reader of three`);
});

test("serve() slows the agent down to the pace of its reader", async () => {
  const size = 64 * 1024;
  let made = 0;
  const fast = agent("fast", async function* () {
    for (; made < 2000; made++) yield "x".repeat(size);
  });
  const server = await serve(fast, { port: 0 });
  const stream = httpAgent(server.url).stream(hello)[Symbol.asyncIterator]();
  await stream.next();
  let before = -1;
  // Until it stops by itself: the sockets' buffers are full, and nothing else is.
  while (before !== made) {
    before = made;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  assert.ok(made < 500, `${made} chunks of 64 KiB were made for a reader of one`);
  await stream.return?.();
  await server.drain();
});

test("serve() speaks TLS", async () => {
  const { ca, server: tls } = await certificates();
  const server = await serve(echo, { port: 0, tls });
  try {
    assert.equal(server.url, `https://127.0.0.1:${server.port}`);
    const status = await new Promise((resolve, reject) => {
      request(`https://localhost:${server.port}/live`, { ca }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject).end();
    });
    assert.equal(status, 200);
  } finally {
    await server.close();
  }
});
