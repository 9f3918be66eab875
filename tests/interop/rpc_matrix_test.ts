// Our servers on Deno, Bun and Node, each called by our clients on Deno, Bun and
// Node, by every RPC protocol. All at the one port of each server.
import { test } from "node:test";
import assert from "node:assert/strict";
import type { JsonObject } from "../../mod.ts";
import type { Stats } from "./agents.ts";
import type { Case, ClientPeer, Result, ServerPeer } from "./peers.ts";
import { areApart, chunks, NESTED, UNICODE, withTime } from "./scenarios.ts";
import { Lazy, needs, ourClient, ourServer } from "./suite.ts";
import { named } from "./toolchain.ts";

const SUITE = "RPC matrix";
const PROTOCOLS = ["grpc", "connect", "connect-h2", "grpc-web", "grpc-web-h2"] as const;
const COLUMNS = ["unary", "stream", "bidi", "error", "deadline", "cancel"] as const;
type Column = typeof COLUMNS[number];

/** One call of one pair by one protocol. */
type Run = (testCase: Omit<Case, "url" | "protocol">) => Promise<Result>;

const CHECKS: Readonly<Record<Column, (run: Run) => Promise<void>>> = {
  async unary(run) {
    const [reply] = succeeded(await run(ask(UNICODE, NESTED))).messages;
    assert.equal(reply?.content, `Echo: ${UNICODE}`);
    assert.deepEqual(reply?.metadata["original_metadata"], NESTED);
  },
  async stream(run) {
    await withTime(50, async (ms) => {
      const metadata = { behaviour: "chunks", n: 4, ms };
      const { messages, arrivals_ms } = succeeded(await run(ask("x", metadata, "stream")));
      assert.deepEqual(messages.map(({ content }) => content), chunks(4));
      return areApart(arrivals_ms, ms);
    }, "all chunks came at once");
  },
  async bidi(run) {
    const { messages } = succeeded(await run({ ...ask("x"), op: "bidi", count: 10 }));
    const said = Array.from({ length: 10 }, (_, index) => `Echo: x #${index}`);
    assert.deepEqual(messages.map(({ content }) => content), said);
  },
  async error(run) {
    const unary = await run(ask("x", { behaviour: "fail", text: "told across" }));
    assert.equal(unary.error_type, "unknown");
    assert.equal(unary.error, "told across");
    const midway = await run(ask("x", { behaviour: "midfail", n: 2 }, "stream"));
    assert.equal(midway.messages.length, 2);
    assert.match(midway.error ?? "", /broke on purpose/);
  },
  async deadline(run) {
    const before = await left(run);
    // A call that took its time to connect does not reach the agent: then it gets more.
    await withTime(150, async (deadline_ms) => {
      const late = await run({ ...ask("x", { behaviour: "sleep", ms: 20_000 }), deadline_ms });
      assert.equal(late.error_type, "deadline_exceeded");
      return await hasLeft(run, before);
    }, "the agent did not learn that its caller left");
  },
  async cancel(run) {
    const before = await left(run);
    const endless = ask("x", { behaviour: "chunks", n: 1_000, ms: 10 }, "stream");
    assert.equal((await run({ ...endless, leave_after: 2 })).messages.length, 2);
    assert.ok(await hasLeft(run, before), "the agent did not learn that its caller left");
  },
};

const found = await needs(SUITE, {
  node: named("AGENKIT_TEST_NODE"),
  bun: named("AGENKIT_TEST_BUN"),
});
if (found) {
  const programs = [["Deno", Deno.execPath()], ["Bun", found.bun], ["Node", found.node]] as const;
  const servers = programs.map(([name, program]) => ({
    name,
    peer: new Lazy(() => ourServer(name, program, "--grpc-shared")),
  }));
  const clients = programs.map(([name, program]) => ({
    name,
    peer: new Lazy(() => ourClient(name, program)),
  }));
  const grid = new Map<string, string>();
  for (const server of servers) {
    for (const client of clients) {
      for (const protocol of PROTOCOLS) {
        test(`${SUITE}: ${client.name} -> ${server.name}, ${protocol}`, () =>
          cell(`${client.name} -> ${server.name}`, protocol, client.peer, server.peer, grid));
      }
    }
  }
  test(`${SUITE} end`, async () => {
    for (const { peer } of [...clients, ...servers]) await peer.stop();
    console.log(`${"client -> server".padEnd(18)}${PROTOCOLS.map((p) => p.padEnd(14)).join("")}`);
    for (const [pair, row] of grid) console.log(pair.padEnd(18) + row);
    console.log(`each: ${COLUMNS.join(", ")}; + passed, . not possible, ! failed`);
  });
}

/** Tries everything once and notes what became of it. */
async function cell(
  pair: string,
  protocol: string,
  client: Lazy<ClientPeer>,
  server: Lazy<ServerPeer>,
  grid: Map<string, string>,
): Promise<void> {
  const { url } = await server.get();
  const peer = await client.get();
  const run: Run = (testCase) => peer.run({ ...testCase, url, protocol });
  const failures: unknown[] = [];
  let marks = "";
  for (const column of COLUMNS) {
    // `fetch` sends a request whole: only gRPC has conversations.
    if (column === "bidi" && protocol !== "grpc") {
      marks += ".";
      continue;
    }
    try {
      await CHECKS[column](run);
      marks += "+";
    } catch (error) {
      marks += "!";
      failures.push(new Error(`${column}: ${(error as Error).message}`, { cause: error }));
    }
  }
  grid.set(pair, (grid.get(pair) ?? "") + marks.padEnd(14));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("\n"));
}

function ask(content: string, metadata: JsonObject = {}, op: "process" | "stream" = "process") {
  return { op, message: { content, metadata } };
}

function succeeded(result: Result): Result {
  assert.equal(result.error, undefined);
  return result;
}

async function left(run: Run): Promise<number> {
  const { messages } = succeeded(await run(ask("x", { behaviour: "stats" })));
  return (JSON.parse(messages[0]!.content as string) as Stats).left;
}

/** Whether an agent learns that its caller left, within some seconds. */
async function hasLeft(run: Run, before: number): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await left(run) > before) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
