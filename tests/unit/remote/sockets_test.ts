import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { agent, collect, message, neverBegan, text } from "../../../mod.ts";
import { remoteAgent } from "../../../src/remote/mod.ts";
import { serveGrpc } from "../../../src/transport/grpc/mod.ts";
import { serveSocket } from "../../../src/transport/socket/mod.ts";

const hello = message("user", "hello");
const words = agent({
  name: "words",
  process: (m) => `all of ${text(m)}`,
  stream: async function* (m) {
    yield `some of ${text(m)}`;
    yield "the rest";
  },
});

interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

async function check(server: Listening): Promise<void> {
  const remote = remoteAgent(server.url, { name: "words" });
  try {
    assert.equal(text(await remote.process(hello)), "all of hello");
    assert.deepEqual((await collect(remote.stream(hello))).map(text), [
      "some of hello",
      "the rest",
    ]);
    for await (const _ of remote.stream(hello)) break;
    assert.equal(text(await remote.process(hello)), "all of hello");
  } finally {
    await remote.close();
    await server.close();
  }
  await assert.rejects(remote.process(hello), { code: "failed_precondition" });
  const nobody = remoteAgent(server.url);
  const error = await nobody.process(hello, { deadline: performance.now() + 5_000 })
    .catch((error) => error);
  await nobody.close();
  assert.ok(["unavailable", "deadline_exceeded"].includes(error.code), String(error));
  if (error.code === "unavailable") assert.equal(neverBegan(error), true, `begun? ${error}`);
}

test("remoteAgent() of a socket is called after its host and port, or its path", () => {
  assert.equal(remoteAgent("tcp://[fe80::1%eth0]:9").name, "[fe80::1%eth0]:9");
  assert.equal(remoteAgent("TCPS://host:9/").name, "host:9");
  assert.equal(remoteAgent("unix:///run/a b.sock").name, "/run/a b.sock");
});

test("remoteAgent() of a socket says what of its address is out of bounds", () => {
  assert.throws(() => remoteAgent(`unix:///${"x".repeat(107)}`), {
    name: "RangeError",
    message: "Cannot call a remote agent as the path of a Unix socket must be at most 107 bytes: " +
      "current value has 108",
  });
  for (const port of [0, 65_536]) {
    assert.throws(() => remoteAgent(`tcp://host:${port}`), {
      name: "RangeError",
      message:
        `Cannot call a remote agent as the port must be from 1 to 65535: current value is ${port}`,
    });
  }
});

test("remoteAgent() calls tcp:, and is unavailable and not begun when nobody listens", async () => {
  await check(await serveSocket(words, "tcp://127.0.0.1:0"));
});

test("remoteAgent() calls unix:, also at a path with spaces", async () => {
  const folder = await mkdtemp(join(tmpdir(), "agenkit remote "));
  try {
    const server = await serveSocket(words, `unix://${folder}/a socket`);
    assert.equal(remoteAgent(server.url).name, `${folder}/a socket`);
    await check(server);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("remoteAgent() calls grpc:, and is unavailable and not begun when nobody listens", async () => {
  await check(await serveGrpc(words, { port: 0 }));
});
