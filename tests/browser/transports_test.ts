/**
 * A page in Chromium calls agents of another origin: over each transport that
 * a browser has, with the package bundled as an application would.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgenkitError, agent, text } from "../../mod.ts";
import { type AgentServer, serve } from "../../src/serve/mod.ts";
import { BrowserHost } from "./browser.ts";
import { findChromium } from "./chromium.ts";
import type { Kind } from "./page.ts";

const KINDS: readonly Kind[] = ["HTTP", "Connect", "gRPC-Web", "WebSocket"];
const AGENT = "tried";

const chromium = await findChromium();
const skip = "missing" in chromium && Deno.env.get("CI") !== "true" && chromium.missing;

let started: Promise<BrowserHost> | undefined;
function host(): Promise<BrowserHost> {
  if ("missing" in chromium) throw new Error(chromium.missing);
  return started ??= BrowserHost.start(chromium.path);
}

/** What the agent at the other end has seen. */
function tried() {
  const hangs = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let gate = Promise.withResolvers<void>();
  const target = agent({
    name: AGENT,
    process(m, call) {
      if (text(m) === "fail") throw new AgenkitError("permission_denied", "not you");
      if (text(m) !== "hang") return `Echo: ${text(m)}`;
      call.signal!.addEventListener("abort", () => left.resolve());
      hangs.resolve();
      return new Promise<never>(() => {});
    },
    async *stream(m) {
      try {
        for (let i = 0; i < 3 || text(m) === "endless"; i++) {
          yield `chunk ${i} \u2028\u{1f30d}`;
          if (text(m) !== "step") continue;
          await gate.promise;
          gate = Promise.withResolvers();
        }
      } finally {
        ended.resolve();
      }
    },
  });
  return {
    target,
    hangs: hangs.promise,
    left: left.promise,
    ended: ended.promise,
    next: () => gate.resolve(),
  };
}

/** A page that has connected to a server of its own. */
async function connected(kind: Kind, allowed = true) {
  const { open, origin } = await host().then((browser) => ({
    open: () => browser.open(),
    origin: browser.origin,
  }));
  const peer = tried();
  const listen = (port = 0): Promise<AgentServer> =>
    serve(peer.target, { port, cors: allowed && { origins: [origin] } });
  const server = await listen();
  const page = await open();
  await page.evaluate(
    ([kind, url, name]) => globalThis.connect(kind, url, name),
    [kind, server.url, AGENT] as const,
  );
  return {
    ...peer,
    page,
    server,
    listen,
    async [Symbol.asyncDispose]() {
      await page.close();
      await server.close();
    },
  };
}

for (const kind of KINDS) {
  test(`browser, ${kind}: an answer, whatever is in it`, { skip }, async () => {
    await using it = await connected(kind);
    const said = "Hello 世界 🌍 \u0085\u2028 Привет";
    const answer = await it.page.evaluate((said) => globalThis.scenarios.unary(said), said);
    assert.equal(answer, `Echo: ${said}`);
    const long = await it.page.evaluate(
      () => globalThis.scenarios.unary("x".repeat(1_000_000)).then(({ length }) => length),
    );
    assert.equal(long, 1_000_006);
  });

  test(`browser, ${kind}: a stream comes chunk by chunk`, { skip }, async () => {
    await using it = await connected(kind);
    // The agent waits with each chunk until the page has seen the one before.
    await it.page.exposeFunction("seen", () => it.next());
    const chunks = await it.page.evaluate(() => globalThis.scenarios.stream("step"));
    assert.deepEqual(chunks, [0, 1, 2].map((i) => `chunk ${i} \u2028\u{1f30d}`));
  });

  test(`browser, ${kind}: leaving a stream ends it at the agent`, { skip }, async () => {
    await using it = await connected(kind);
    const chunks = await it.page.evaluate(() => globalThis.scenarios.leave("endless", 5));
    assert.equal(chunks.length, 5);
    await it.ended;
  });

  test(
    `browser, ${kind}: an abort rejects with its reason and reaches the agent`,
    { skip },
    async () => {
      await using it = await connected(kind);
      const thrown = it.page.evaluate(() => globalThis.scenarios.abort("hang"));
      await Promise.race([it.hangs, thrown]);
      await it.page.evaluate(() => globalThis.leave());
      assert.equal(await thrown, "Error: the user left");
      await it.left;
    },
  );

  test(`browser, ${kind}: errors keep their code and text`, { skip }, async () => {
    await using it = await connected(kind);
    const failure = await it.page.evaluate(() => globalThis.scenarios.failure("fail"));
    assert.equal(failure, "permission_denied: not you");
  });

  test(
    `browser, ${kind}: a page of an origin that was not allowed gets nothing`,
    { skip },
    async () => {
      await using it = await connected(kind, false);
      const failure = await it.page.evaluate(() => globalThis.scenarios.failure("hello"));
      assert.match(failure, /^(?:unavailable|permission_denied): /);
    },
  );
}

test("browser, WebSocket: connects again after the server was away", { skip }, async () => {
  await using it = await connected("WebSocket");
  const ask = () => it.page.evaluate(() => globalThis.scenarios.unary("hello"));
  assert.equal(await ask(), "Echo: hello");
  const { port } = it.server;
  await it.server.close();
  const failure = await it.page.evaluate(() => globalThis.scenarios.failure("hello"));
  assert.match(failure, /^unavailable: /);
  const again = await it.listen(port);
  try {
    // Between attempts the client waits longer each time.
    let answer = "";
    for (let i = 0; i < 100 && answer !== "answered"; i++) {
      answer = await it.page.evaluate(() => globalThis.scenarios.failure("hello"));
      if (answer !== "answered") await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.equal(await ask(), "Echo: hello");
  } finally {
    await again.close();
  }
});

test(
  "browser, WebSocket: a call fails when the server goes, and is not repeated",
  { skip },
  async () => {
    await using it = await connected("WebSocket");
    const failed = it.page.evaluate(() => globalThis.scenarios.failure("hang"));
    while (it.server.inFlight === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await it.server.close();
    assert.match(await failed, /^unavailable: /);
  },
);

test("browser: it ends", { skip }, async () => {
  await (await started)?.[Symbol.asyncDispose]();
});
