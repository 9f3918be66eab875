import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { agent, collect, message, neverBegan, text } from "../../../mod.ts";
import { type RemoteAgent, remoteAgent, type RemoteAgentOptions } from "../../../src/remote/mod.ts";
import { type AgentServer, serve } from "../../../src/serve/mod.ts";

/** An agent whose calls and streams go on until they are let go. */
function gate() {
  const open = Promise.withResolvers<void>();
  /** What was called off: the kind of the call and the URL it came by. */
  const aborted = new Set<string>();
  const gated = agent({
    name: "gated",
    async process(m, call) {
      call.signal?.addEventListener("abort", () => aborted.add(`call of ${text(m)}`));
      await open.promise;
      return `end of ${text(m)}`;
    },
    async *stream(m, call) {
      call.signal?.addEventListener("abort", () => aborted.add(`stream of ${text(m)}`));
      yield `begin of ${text(m)}`;
      await open.promise;
      yield `end of ${text(m)}`;
    },
  });
  return { open: open.resolve, gated, aborted };
}

/** Every URL that a server with everything on can be called at. */
function urlsOf(server: AgentServer): string[] {
  const { url } = server;
  return [...server.endpoints, url.replace("http:", "h2c:"), `connect+${url}`, `grpc-web+${url}`];
}

async function withEverything(
  body: (server: AgentServer, control: ReturnType<typeof gate>, path: string) => Promise<void>,
  drainTimeoutMs?: number,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "agenkit-drain-"));
  const path = join(folder, "agents.sock");
  const control = gate();
  const server = await serve(control.gated, {
    port: 0,
    grpc: { port: 0 },
    tcp: 0,
    unix: path,
    drainTimeoutMs,
  });
  try {
    await body(server, control, path);
  } finally {
    control.open();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** No attempts to connect after the first. */
const ONCE: RemoteAgentOptions = {
  timeoutMs: 20_000,
  socket: { reconnect: { maxAttempts: 1 } },
  websocket: { reconnect: { maxAttempts: 1 } },
};

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error("it did not come to be within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Begins a call and a stream at each URL, and waits until all of them run. */
async function beginEverywhere(server: AgentServer) {
  const remotes = urlsOf(server).map((url) => remoteAgent(url, { ...ONCE, timeoutMs: 20_000 }));
  const calls = remotes.map((remote) => ({
    url: remote.url,
    answer: settled(remote.process(message("user", remote.url)).then(text)),
    chunks: settled(
      collect(remote.stream(message("user", remote.url))).then((all) => all.map(text)),
    ),
  }));
  await until(() => server.inFlight === 2 * remotes.length);
  return { remotes, calls };
}

function settled<T>(promise: Promise<T>): Promise<T | Error> {
  return promise.catch((error: Error) => error);
}

/** Waits until every agent was told that nobody waits for it. */
async function allAborted(calls: readonly { url: string }[], aborted: Set<string>): Promise<void> {
  const missing = () =>
    calls.flatMap(({ url }) => [`call of ${url}`, `stream of ${url}`])
      .filter((one) => !aborted.has(one));
  await until(() => missing().length === 0).catch(() => {});
  assert.deepEqual(missing(), [], "were not told");
}

async function close(remotes: readonly RemoteAgent[]): Promise<void> {
  await Promise.all(remotes.map((remote) => remote.close()));
}

test("drain() with everything on: what runs ends on every transport, and nothing is accepted after", async () => {
  await withEverything(async (server, control, path) => {
    const { remotes, calls } = await beginEverywhere(server);
    let drained = false;
    const drain = server.drain().then(() => drained = true);
    // From connections that are there and from new ones: nobody gets in.
    const late = urlsOf(server).map((url) => remoteAgent(url, ONCE));
    await Promise.all([...late, ...remotes].map(async (remote, i) => {
      const error = await settled(remote.process(message("user", "late")));
      assert.ok(error instanceof Error, `${remote.url} took a call`);
      assert.equal(
        (error as Error & { code?: string }).code,
        "unavailable",
        `${remote.url}: ${error}`,
      );
      if (i < late.length) assert.equal(neverBegan(error), true, `${remote.url}: ${error}`);
    }));
    assert.equal(drained, false, "it did not wait for what runs");
    assert.equal(server.inFlight, calls.length * 2);
    assert.deepEqual([...control.aborted], []);
    control.open();
    for (const { url, answer, chunks } of calls) {
      assert.equal(await answer, `end of ${url}`);
      assert.deepEqual(await chunks, [`begin of ${url}`, `end of ${url}`]);
    }
    await drain;
    await server.finished;
    assert.equal(server.inFlight, 0);
    assert.equal(existsSync(path), false, "the socket's file is left");
    for (const remote of late) {
      assert.ok(
        await settled(remote.process(message("user", "gone"))) instanceof Error,
        remote.url,
      );
    }
    await close([...late, ...remotes]);
  });
});

test("drain() with everything on ends within its time: what runs longer is cut, and its agents told", async () => {
  await withEverything(async (server, control) => {
    const { remotes, calls } = await beginEverywhere(server);
    const start = performance.now();
    await server.drain();
    assert.ok(performance.now() - start < 15_000, `${performance.now() - start} ms`);
    for (const { url, answer, chunks } of calls) {
      const error = await answer;
      assert.ok(error instanceof Error, `${url}: ${error}`);
      assert.equal((error as Error & { code?: string }).code, "unavailable", `${url}: ${error}`);
      assert.ok(await chunks instanceof Error, `${url}: ${await chunks}`);
    }
    await allAborted(calls, control.aborted);
    await close(remotes);
  }, 100);
});

test("close() with everything on cuts what runs, at once", async () => {
  await withEverything(async (server, control) => {
    const { remotes, calls } = await beginEverywhere(server);
    await server.close();
    for (const { url, answer, chunks } of calls) {
      assert.ok(await answer instanceof Error, url);
      assert.ok(await chunks instanceof Error, url);
    }
    await allAborted(calls, control.aborted);
    // An agent that ignores its signal runs on until it ends by itself.
    control.open();
    await until(() => server.inFlight === 0);
    await close(remotes);
  });
});
