import { test } from "node:test";
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { destroyLater } from "../../../../src/transport/http2/destroy_later.ts";
import { http2Fetch } from "../../../../src/transport/http2/mod.ts";
import { wiretap } from "../../../support/wiretap.ts";
import { rejection } from "../../rejection.ts";

async function listening<S extends Server | Http2Server>(server: S, port = 0) {
  await new Promise<void>((resolve) => void server.listen(port, "127.0.0.1", resolve));
  const { port: actual } = server.address() as AddressInfo;
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    destroyLater(session);
    sessions.add(session);
  });
  return {
    server,
    sessions,
    port: actual,
    url: `http://127.0.0.1:${actual}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
        (server as Server).closeAllConnections?.();
      });
    },
  };
}

const http2Echo = () =>
  createHttp2Server((request, response) => {
    response.setHeader("x-version", request.httpVersion);
    request.pipe(response);
  });

test("http2Fetch() speaks HTTP/2 by prior knowledge and shares one connection", async () => {
  await using server = await listening(http2Echo());
  await using tap = await wiretap(server.port);
  await using fetch = http2Fetch();
  const url = `http://127.0.0.1:${tap.port}/echo?x=1`;
  assert.equal(fetch.protocolOf(url), undefined);
  const texts = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const response = await fetch(url, { method: "POST", body: `body ${index}` });
      assert.equal(response.headers.get("x-version"), "2.0");
      return await response.text();
    }),
  );
  assert.deepEqual(texts, Array.from({ length: 50 }, (_, index) => `body ${index}`));
  assert.deepEqual(tap.taps, [{ client: "h2", server: "h2" }]);
  assert.equal(fetch.protocolOf(url), "h2c");
});

test("http2Fetch() falls back to HTTP/1.1, and asks for HTTP/2 only once", async () => {
  await using server = await listening(
    createServer((request, response) => {
      response.setHeader("x-version", request.httpVersion);
      request.pipe(response);
    }),
  );
  await using tap = await wiretap(server.port);
  await using fetch = http2Fetch();
  const url = `http://127.0.0.1:${tap.port}`;
  for (let index = 0; index < 3; index++) {
    const response = await fetch(url, { method: "POST", body: "hello" });
    assert.equal(response.headers.get("x-version"), "1.1");
    assert.equal(await response.text(), "hello");
  }
  assert.equal(fetch.protocolOf(url), "http/1.1");
  assert.equal(tap.taps.filter(({ client }) => client === "h2").length, 1);
  assert.ok(tap.taps.length <= 3, `expected kept connections, got ${tap.taps.length}`);
});

test("http2Fetch() sends bodies of megabytes and of pieces, and reads no faster than its reader", async () => {
  let written = 0;
  await using server = await listening(
    createHttp2Server((request, response) => {
      if (request.url !== "/endless") return void request.pipe(response);
      const more = () => {
        while (!response.destroyed) {
          written += 16_384;
          if (!response.write(new Uint8Array(16_384))) break;
        }
      };
      response.on("drain", more);
      more();
    }),
  );
  await using fetch = http2Fetch();
  const big = new Uint8Array(5_000_000).fill(7);
  const echoed = await fetch(server.url, { method: "POST", body: big });
  assert.deepEqual(new Uint8Array(await echoed.arrayBuffer()), big);

  const pieces = new ReadableStream({
    start(controller) {
      for (const text of ["one ", "two ", "three"]) {
        controller.enqueue(new TextEncoder().encode(text));
      }
      controller.close();
    },
  });
  const init = { method: "POST", body: pieces, duplex: "half" } as RequestInit;
  assert.equal(await (await fetch(server.url, init)).text(), "one two three");

  const reader = (await fetch(`${server.url}/endless`)).body!.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(written < 4_000_000, `nobody reads, and ${written} bytes were sent`);
  await reader.cancel();
});

test("http2Fetch() resets the stream when the signal aborts or the reader leaves", async () => {
  const codes: number[] = [];
  const arrived = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  await using server = await listening(
    createHttp2Server((request, response) => {
      request.stream.on("close", () => {
        codes.push(request.stream.rstCode ?? -1);
        if (codes.length === 3) closed.resolve();
      });
      if (request.url === "/open") response.write("first");
      else arrived.resolve();
      request.on("error", () => {});
      response.on("error", () => {});
      request.stream.on("error", () => {});
    }),
  );
  await using fetch = http2Fetch();
  const before = new AbortController();
  const reason = new Error("enough");
  const waiting = fetch(`${server.url}/silent`, { signal: before.signal });
  await Promise.race([arrived.promise, waiting]);
  before.abort(reason);
  assert.equal(await rejection(waiting), reason);

  const during = new AbortController();
  const open = await fetch(`${server.url}/open`, { signal: during.signal });
  const reader = open.body!.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "first");
  during.abort(reason);
  assert.equal(await rejection(reader.read()), reason);

  await (await fetch(`${server.url}/open`)).body!.cancel();
  await closed.promise;
  assert.deepEqual(codes, [8, 8, 8]);
  assert.equal(await rejection(fetch(server.url, { signal: AbortSignal.abort(reason) })), reason);
});

test("http2Fetch() reports a stream that the server reset, before and during the answer", async () => {
  await using server = await listening(
    createHttp2Server((request, response) => {
      if (request.url === "/during") response.write("part of it");
      // Not stream.close(2): Bun ends the stream instead.
      request.stream.on("error", () => {});
      setTimeout(() => request.stream.destroy(new Error("broken on purpose")), 50);
    }),
  );
  await using fetch = http2Fetch();
  assert.match(String(await rejection(fetch(server.url))), /reset|error|INTERNAL/i);
  const response = await fetch(`${server.url}/during`);
  assert.match(String(await rejection(response.text())), /reset|error|INTERNAL/i);
});

test("http2Fetch() opens a new connection after a GOAWAY, and the running call ends", async () => {
  let requests = 0;
  await using server = await listening(
    createHttp2Server((request, response) => {
      requests++;
      if (request.url !== "/slow") return void response.end("quick");
      response.write("begun ");
      setTimeout(() => response.end("ended"), 150);
    }),
  );
  await using tap = await wiretap(server.port);
  await using fetch = http2Fetch();
  const url = `http://127.0.0.1:${tap.port}`;
  const slow = await fetch(`${url}/slow`);
  for (const session of server.sessions) session.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await (await fetch(url)).text(), "quick");
  assert.equal(await slow.text(), "begun ended");
  assert.equal(tap.taps.length, 2);
  assert.equal(requests, 2);
});

test("http2Fetch() comes back after the connection was cut", async () => {
  await using server = await listening(
    createHttp2Server((request, response) => {
      if (request.url !== "/open") return void response.end("back");
      response.write("first");
    }),
  );
  await using tap = await wiretap(server.port);
  await using fetch = http2Fetch();
  const url = `http://127.0.0.1:${tap.port}`;
  const open = await Promise.all(Array.from({ length: 20 }, () => fetch(`${url}/open`)));
  const texts = open.map((response) => response.text());
  tap.cut();
  for (const text of texts) assert.ok(await rejection(text) instanceof Error);
  assert.equal(await (await fetch(url)).text(), "back");
});

test("http2Fetch() gives up a connection that the network lost once a call on it was given up", async () => {
  await using server = await listening(createHttp2Server((_, response) => void response.end("ok")));
  await using tap = await wiretap(server.port);
  await using fetch = http2Fetch({ connectTimeoutMs: 1_500 });
  const url = `http://127.0.0.1:${tap.port}`;
  assert.equal(await (await fetch(url)).text(), "ok");
  tap.silence();
  const lost = rejection(fetch(url, { signal: AbortSignal.timeout(100) }));
  const patient = rejection(fetch(url));
  assert.equal((await lost as Error).name, "TimeoutError");
  assert.ok(await patient instanceof Error);
  tap.unsilence();
  assert.equal(await (await fetch(url)).text(), "ok");
});

test("http2Fetch() closes an idle connection, and close() waits for what runs", async () => {
  let sessions = 0;
  const http2 = createHttp2Server((_, response) => {
    response.write("begun ");
    setTimeout(() => response.end("ended"), 100);
  });
  const gone = Promise.withResolvers<void>();
  http2.on("session", (session) => {
    sessions++;
    session.once("close", () => gone.resolve());
  });
  await using server = await listening(http2);
  const fetch = http2Fetch({ idleMs: 50 });
  assert.equal(await (await fetch(server.url)).text(), "begun ended");
  await gone.promise;
  const running = await fetch(server.url);
  const closed = fetch.close();
  assert.equal(await running.text(), "begun ended");
  await closed;
  assert.equal(sessions, 2);
});

test("http2Fetch() says what it cannot reach", async () => {
  const server = await listening(createServer());
  await server[Symbol.asyncDispose]();
  await using fetch = http2Fetch();
  assert.match(String(await rejection(fetch(server.url))), /ECONNREFUSED|refused/i);
});

test("http2Fetch() refuses options that cannot be", () => {
  assert.throws(() => http2Fetch({ idleMs: 0 }), /Cannot call over HTTP\/2 as 'idleMs'/);
  assert.throws(() => http2Fetch({ connectTimeoutMs: NaN }), RangeError);
  assert.throws(() => http2Fetch({ tls: { ca: "no pem" } }), /'tls.ca' must be PEM text/);
  const cert = "-----BEGIN CERTIFICATE-----";
  assert.throws(() => http2Fetch({ tls: { cert } }), /'tls.key' is missing/);
});
