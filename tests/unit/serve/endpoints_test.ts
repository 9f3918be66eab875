import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { agent, collect, type JsonObject, message, text } from "../../../mod.ts";
import { remoteAgent } from "../../../src/remote/mod.ts";
import { type AgentServer, serve, type ServeOptions } from "../../../src/serve/mod.ts";

/** Says which keys of metadata reached it. */
const keys = agent({
  name: "keys",
  process: ({ metadata }) => Object.keys(metadata).join(),
  async *stream({ metadata }) {
    yield Object.keys(metadata).join();
  },
});

/** Asks a server in every way in that it has; what is answered, with how it was asked. */
async function askAll(server: AgentServer, metadata: JsonObject): Promise<string[]> {
  const request = message("user", "hi", metadata);
  const answers: string[] = [];
  const urls = new Set([
    ...server.endpoints,
    server.url.replace("http:", "h2c:"),
    server.url.replace("http:", "ws:"),
    `connect+${server.url}`,
    `grpc-web+${server.url}`,
  ]);
  for (const url of urls) {
    await using remote = remoteAgent(url);
    const scheme = new URL(url).protocol;
    answers.push(`${scheme} ${text(await remote.process(request))}`);
    answers.push(`${scheme} ${(await collect(remote.stream(request))).map(text)}`);
  }
  return answers;
}

const WAYS = ["http:", "grpc:", "tcp:", "unix:", "ws:", "h2c:", "connect+http:", "grpc-web+http:"];

async function serveEverywhere(
  options: ServeOptions,
  use: (server: AgentServer) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "agenkit-ways-"));
  try {
    const unix = join(folder, "s");
    await using server = await serve(keys, {
      port: 0,
      grpc: { port: 0 },
      tcp: 0,
      unix,
      ...options,
    });
    await use(server);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function expected(answer: string): string[] {
  return WAYS.flatMap((way) => [`${way} ${answer}`, `${way} ${answer}`]).sort();
}

for (const [trustToolCalls, answer] of [[false, "other"], [true, "other,tool_calls"]] as const) {
  test(`serve() with trustToolCalls ${trustToolCalls} means it for every way in`, () =>
    serveEverywhere({ trustToolCalls }, async (server) => {
      const tool_calls = [{ tool_name: "wipe", parameters: {} }];
      const answers = await askAll(server, { other: 1, tool_calls });
      assert.deepEqual(answers.sort(), expected(answer));
    }));
}

test("serve() at an IPv6 address is called over every transport", () =>
  serveEverywhere({ hostname: "::1" }, async (server) => {
    for (const url of server.endpoints) assert.match(url, /^unix:|\/\/\[::1\]:\d+$/);
    assert.deepEqual((await askAll(server, { other: 1 })).sort(), expected("other"));
  }));
