import assert from "node:assert/strict";
import { test } from "node:test";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agent, collect, message, text } from "../../../../mod.ts";
import { serveSocket, socketAgent } from "../../../../src/transport/socket/mod.ts";
import { until } from "./raw.ts";
import type { ChannelAgent } from "../../../../src/transport/channel/client.ts";

const ask = message("user", "hi");
const echo = agent({
  name: "echo",
  process: (m) => `Echo: ${text(m)}`,
  async *stream() {
    yield "1";
    yield "2";
  },
});

/** A folder of which nothing stays. */
async function folder(): Promise<AsyncDisposable & { at(name: string): string }> {
  const path = await mkdtemp(join(tmpdir(), "agenkit-socket-"));
  return {
    at: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

async function mode(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

async function call(url: string): Promise<string> {
  await using remote = socketAgent(url, { reconnect: { maxAttempts: 1 } });
  return text(await remote.process(ask));
}

function listen(path: string): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

test("serveSocket() makes a socket for this user alone, in a directory for this user alone", async () => {
  await using tmp = await folder();
  const path = tmp.at("a/b/echo.sock");
  const server = await serveSocket(echo, `unix://${path}`);
  assert.equal(server.url, `unix://${path}`);
  assert.equal(await mode(path), "600");
  assert.equal(await mode(tmp.at("a/b")), "700");
  assert.equal(await mode(tmp.at("a")), "700");
  await using remote = socketAgent(server.url);
  assert.equal(text(await remote.process(ask)), "Echo: hi");
  assert.deepEqual((await collect(remote.stream(ask))).map(text), ["1", "2"]);
  const large = "x".repeat(1_000_000);
  assert.equal(text(await remote.process(message("user", large))).length, 1_000_006);
  await server.drain();
  assert.equal(existsSync(path), false);
});

test("serveSocket() leaves the mode of a directory that was there, and takes a mode for the socket", async () => {
  await using tmp = await folder();
  await mkdir(tmp.at("open"), { mode: 0o755 });
  await chmod(tmp.at("open"), 0o755);
  const path = tmp.at("open/echo.sock");
  await using _server = await serveSocket(echo, `unix://${path}`, { mode: 0o660 });
  assert.equal(await mode(tmp.at("open")), "755");
  assert.equal(await mode(path), "660");
});

test("serveSocket() takes the place of a socket that nobody listens at", async () => {
  await using tmp = await folder();
  const path = tmp.at("stale.sock");
  // A crashed server leaves its socket; a link keeps this one when its server closes.
  const crashed = await listen(tmp.at("first.sock"));
  const { link } = await import("node:fs/promises");
  await link(tmp.at("first.sock"), path);
  await new Promise((resolve) => crashed.close(resolve));
  assert.equal(existsSync(path), true);
  await using server = await serveSocket(echo, `unix://${path}`);
  assert.equal(await call(server.url), "Echo: hi");
});

test("serveSocket() never steals the socket of a server that lives, nor removes a file", async () => {
  await using tmp = await folder();
  const path = tmp.at("live.sock");
  await using first = await serveSocket(echo, `unix://${path}`);
  await assert.rejects(serveSocket(echo, `unix://${path}`), {
    code: "already_exists",
    message: `Cannot listen at unix://${path}: another server listens there`,
  });
  assert.equal(await call(first.url), "Echo: hi");
  const file = tmp.at("notes.txt");
  await writeFile(file, "mine");
  await assert.rejects(serveSocket(echo, `unix://${file}`), {
    code: "already_exists",
    message: `Cannot listen at unix://${file}: there is a file of that name that is no socket`,
  });
  assert.equal(existsSync(file), true);
});

test("serveSocket() tells of a path that cannot be had", async () => {
  await using tmp = await folder();
  await writeFile(tmp.at("file"), "");
  const path = tmp.at("file/x.sock");
  await assert.rejects(serveSocket(echo, `unix://${path}`), (error: { code?: string }) => {
    assert.equal(error.code, "unavailable", `${error}`);
    assert.ok(`${error}`.includes(`Cannot listen at unix://${path}: `), `${error}`);
    return true;
  });
  await assert.rejects(serveSocket(echo, `unix://${tmp.at("x".repeat(200))}`), RangeError);
});

test("a server that drains makes way for another one, and leaves it its socket", async () => {
  await using tmp = await folder();
  const url = `unix://${tmp.at("echo.sock")}`;
  const started = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<string>();
  const slow = agent("slow", () => {
    started.resolve();
    return answer.promise;
  });
  const first = await serveSocket(slow, url);
  await using remote = socketAgent(url);
  const running = remote.process(ask);
  await started.promise;
  const drained = first.drain();
  await until(() => !existsSync(tmp.at("echo.sock")), "the socket is gone");
  await using second = await serveSocket(echo, url);
  answer.resolve("in the end");
  assert.equal(text(await running), "in the end");
  await drained;
  assert.equal(await call(second.url), "Echo: hi");
});

test("socketAgent() finds a Unix socket again after the server was restarted", async () => {
  await using tmp = await folder();
  const url = `unix://${tmp.at("echo.sock")}`;
  const first = await serveSocket(echo, url);
  await using remote = socketAgent(url);
  await remote.process(ask);
  await first.close();
  // A call at the very moment might still be sent, and would be lost.
  await until(() => (remote as ChannelAgent).connections === 0, "the client knows");
  const waiting = remote.process(ask);
  await using _second = await serveSocket(echo, url);
  assert.equal(text(await waiting), "Echo: hi");
});
