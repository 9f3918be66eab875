import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgenkitError, agent, collect, message, text } from "../../../mod.ts";
import { remoteAgent } from "../../../src/remote/mod.ts";
import { schemesOf, transportOf } from "../../../src/remote/schemes.ts";
import { httpHandler } from "../../../src/transport/http/mod.ts";
import { rpcHandler } from "../../../src/transport/rpc/mod.ts";
import { listenMemory } from "../../../src/transport/memory/mod.ts";

const hello = message("user", "hello");
const words = agent({
  name: "words",
  process: (m) => `all of ${text(m)}`,
  stream: async function* (m) {
    yield `some of ${text(m)}`;
    yield "the rest";
  },
});

test("remoteAgent() calls http: with its prefix, headers and the agent's name", async () => {
  const seen: { url: string; key: string | null; body: string }[] = [];
  const handler = httpHandler(words, { basePath: "/v1" });
  const remote = remoteAgent("http://[::1]:8080/v1/", {
    name: "words",
    headers: { "x-key": "secret" },
    http: {
      fetch: (url, init) => {
        const request = new Request(url, init);
        seen.push({ url, key: request.headers.get("x-key"), body: String(init.body) });
        return handler(request);
      },
    },
  });
  assert.equal(remote.name, "words");
  assert.equal(text(await remote.process(hello)), "all of hello");
  assert.deepEqual((await collect(remote.stream(hello))).map(text), ["some of hello", "the rest"]);
  assert.deepEqual(seen.map(({ url }) => url), [
    "http://[::1]:8080/v1/process",
    "http://[::1]:8080/v1/stream",
  ]);
  assert.equal(seen[0]!.key, "secret");
  assert.match(seen[0]!.body, /"agent_name":"words"/);
});

test("remoteAgent() calls memory:, and h2c: as cleartext HTTP", async () => {
  const listener = listenMemory("remote-1", words);
  try {
    assert.equal(text(await remoteAgent(listener.url).process(hello)), "all of hello");
  } finally {
    listener.close();
  }
  const urls: string[] = [];
  const h2c = remoteAgent("h2c://host:1", {
    http: { fetch: (url) => (urls.push(url), Promise.reject(new Error("enough"))) },
  });
  await assert.rejects(h2c.process(hello), { code: "unavailable" });
  assert.deepEqual(urls, ["http://host:1/process"]);
});

test("remoteAgent() is called after the host, and says what it can do", () => {
  assert.equal(remoteAgent("http://host:81/x").name, "host:81");
  assert.equal(remoteAgent("https://[::1]:9/x").name, "[::1]:9");
  assert.equal(remoteAgent(new URL("memory://address")).url, "memory://address");
  assert.equal(remoteAgent("memory://address").name, "address");
  assert.equal(remoteAgent("connect+http://h:1/x").name, "h:1");
  assert.deepEqual(remoteAgent("http://h", { capabilities: ["a"] }).capabilities, ["a"]);
});

test("remoteAgent() refuses unknown schemes and tells the known ones", () => {
  for (const url of ["ftp://host", "host:8080", "localhost", "", "//host", "constructor://x"]) {
    assert.throws(() => remoteAgent(url), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /must begin with one of http:, https:, /);
      assert.ok(error.message.includes(JSON.stringify(url)), error.message);
      return true;
    });
  }
});

test("remoteAgent() refuses URLs that are not well formed", () => {
  for (
    const url of [
      "http:",
      "http://",
      "http:host",
      "http:///path",
      "http://a b",
      "http://::1:8080",
      "http://host:99999",
      "http://host:x",
      "memory://a/b",
    ]
  ) {
    assert.throws(() => remoteAgent(url), TypeError, url);
  }
  assert.throws(() => remoteAgent(1 as never), /expected a URL, got 1/);
});

test("remoteAgent() checks its options at construction", () => {
  const make = (options: unknown) => () => remoteAgent("http://h", options as never);
  assert.throws(make({ timeoutMs: 0 }), RangeError);
  assert.throws(make({ timeoutMs: "1" }), TypeError);
  assert.throws(make({ maxBytes: -1 }), RangeError);
  assert.throws(make({ name: "" }), TypeError);
  assert.throws(make({ capabilities: "x" }), TypeError);
  assert.throws(make(null), TypeError);
  assert.throws(() => remoteAgent("memory://a", { headers: {} }), /this transport has none/);
});

test("remoteAgent() that was closed refuses calls, also streams; closing twice is closing once", async () => {
  const remote = remoteAgent("memory://remote-2");
  await assert.rejects(remote.process(hello), { code: "unavailable" });
  await Promise.all([remote.close(), remote[Symbol.asyncDispose]()]);
  await assert.rejects(remote.process(hello), { code: "failed_precondition" });
  await assert.rejects(collect(remote.stream(hello)), { code: "failed_precondition" });
});

test("remoteAgent() rejects with the signal's reason, also while its transport loads", async () => {
  const remote = remoteAgent("memory://remote-3");
  const aborted = AbortSignal.abort(new Error("before"));
  await assert.rejects(remote.process(hello, { signal: aborted }), /before/);
  const controller = new AbortController();
  const call = remote.process(hello, { signal: controller.signal });
  controller.abort(new Error("while"));
  await assert.rejects(call, /while/);
});

test("transportOf() refuses what a runtime cannot do and tells what it can", () => {
  const workers = {
    navigator: { userAgent: "Cloudflare-Workers" },
    process: { versions: { node: "22" } },
  };
  const browser = { navigator: { userAgent: "Mozilla/5.0" } };
  const bun = { Bun: {}, process: { versions: { node: "24" } } };
  const node = { process: { versions: { node: "24" } } };
  const inBrowsers = [
    "http",
    "https",
    "h2c",
    "ws",
    "wss",
    "connect+http",
    "connect+https",
    "grpc-web+http",
    "grpc-web+https",
    "memory",
  ];
  assert.deepEqual(schemesOf(workers), inBrowsers);
  assert.deepEqual(schemesOf(browser), inBrowsers);
  for (const url of ["tcp://h:1", "tcps://h:1", "unix:///s", "grpc://h", "grpcs://h"]) {
    assert.throws(() => transportOf(url, workers), (error: AgenkitError) => {
      assert.equal(error.code, "unimplemented");
      assert.ok(error.message.startsWith(`Cannot call ${url} from Workers, which has no sockets`));
      assert.match(error.message, /expected one of http:, https:, .*memory:$/);
      return true;
    });
    transportOf(url, node);
    transportOf(url, bun);
  }
  assert.throws(() => transportOf("h3://h", node), /from this runtime, which has no HTTP\/3/);
  assert.throws(() => transportOf("h3://h", browser), { code: "unimplemented" });
  transportOf("h3://h", bun);
});

test("transportOf() takes IPv6 hosts, and refuses what is not well formed, by example", () => {
  const node = { process: { versions: { node: "24" } } };
  for (
    const url of [
      "ws://[::1]:9/p",
      "grpc://[::1]",
      "grpcs://[fe80::1]:1",
      "tcp://[::1]:9",
      "tcps://[::1]:9",
      "connect+http://[::1]:9/prefix",
      "unix:///tmp/with space.sock",
      "unix://relative.sock",
    ]
  ) transportOf(url, node);
  for (
    const [url, example] of [
      ["ws://", "ws://host:8080"],
      ["tcp://host", "tcp://host:9000"],
      ["tcp://::1:9", "tcp://host:9000"],
      ["unix:", "unix:///path/to/socket"],
      ["unix://", "unix:///path/to/socket"],
      ["grpc://", "grpc://host:50051"],
      ["connect+http://", "connect+http://host:8080"],
      ["grpc-web+https:x", "grpc-web+http://host:8080"],
    ] as const
  ) {
    assert.throws(() => transportOf(url, node), (error) => {
      assert.ok(error instanceof TypeError, url);
      assert.ok(error.message.includes(`must be like ${example}: current value is`), error.message);
      return true;
    });
  }
});

test("remoteAgent() refuses headers where they cannot be sent as asked", () => {
  assert.throws(
    () => remoteAgent("ws://host", { headers: () => ({}) }),
    /expected the headers themselves/,
  );
  remoteAgent("ws://host", { headers: { authorization: "x" } });
  remoteAgent("connect+http://host", { headers: () => ({}) });
});

test("remoteAgent() speaks Connect and gRPC-Web to what follows the plus", async () => {
  const handler = rpcHandler(words);
  for (const protocol of ["connect", "grpc-web"]) {
    const seen: string[] = [];
    const remote = remoteAgent(`${protocol}+http://host:1/`, {
      name: "words",
      headers: { "x-key": "secret" },
      rpc: {
        fetch: (url, init) => {
          const request = new Request(url, init);
          seen.push(`${request.url} ${request.headers.get("x-key")}`);
          return handler(request);
        },
      },
    });
    assert.equal(text(await remote.process(hello)), "all of hello");
    assert.deepEqual((await collect(remote.stream(hello))).map(text), [
      "some of hello",
      "the rest",
    ]);
    assert.deepEqual(seen, [
      "http://host:1/agenkit.AgentService/Process secret",
      "http://host:1/agenkit.AgentService/ProcessStream secret",
    ]);
  }
});
