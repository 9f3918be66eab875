/**
 * The main job, for real: the agent of `agents/docs_agent.ts` is served, and
 * asked three questions through every transport, at once and as a stream.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { message, type StreamingAgent, text } from "../mod.ts";
import { remoteAgent } from "../src/remote/mod.ts";
import { serve } from "../src/serve/mod.ts";
import { memoryAgent, memoryHandler } from "../src/transport/memory/mod.ts";
import { docs } from "./agents/docs_agent.ts";

const QUESTIONS = [
  "How do I serve an agent and call it?",
  "What does the server answer to bad input?",
  "Where does it run?",
];

/** What the schemes of URLs stand for. */
const NAMES: Readonly<Record<string, string>> = {
  http: "HTTP/1.1 + SSE",
  h2c: "HTTP/2 + SSE",
  ws: "WebSocket",
  "connect+http": "Connect",
  "grpc-web+http": "gRPC-Web",
  grpc: "gRPC",
  tcp: "TCP",
  unix: "Unix socket",
};

const folder = await mkdtemp(join(tmpdir(), "agenkit-demo-"));
await using server = await serve(docs, {
  port: 0,
  grpc: { port: 0 },
  tcp: 0,
  unix: join(folder, "docs.sock"),
});
const { url } = server;
// Behind the URL of HTTP are more protocols than one.
const urls = [
  ...server.endpoints,
  url.replace("http:", "h2c:"),
  `connect+${url}`,
  `grpc-web+${url}`,
];
const remotes = urls.map((one) => remoteAgent(one));
const routes: { readonly transport: string; readonly agent: StreamingAgent }[] = [
  { transport: "in process", agent: docs as StreamingAgent },
  { transport: "memory (codec, no socket)", agent: memoryAgent(memoryHandler(docs)) },
  ...remotes.map((agent) => {
    const scheme = agent.url.slice(0, agent.url.indexOf(":"));
    return { transport: NAMES[scheme] ?? scheme, agent };
  }),
];

console.log(`The docs agent is served at ${server.endpoints.join(", ")}\n`);
for (const question of QUESTIONS) {
  const answer = await remotes[0]!.process(message("user", question));
  console.log(`Q: ${question}\n${indent(shorten(text(answer)))}\n`);
}

const rows = [];
for (const { transport, agent } of routes) rows.push(await measure(transport, agent));
const failed = rows.filter((row) => row.same === "no");
console.table(rows);
console.log(
  failed.length === 0
    ? `Every transport gave the same ${QUESTIONS.length} answers, at once and streamed.`
    : `Different answers over: ${failed.map((row) => row.transport).join(", ")}`,
);
for (const remote of remotes) await remote.close();
await server.drain();
await rm(folder, { recursive: true });
if (failed.length > 0) throw new Error("The transports do not agree");

/** Asks all questions over one route and tells the median latencies. */
async function measure(transport: string, target: StreamingAgent) {
  const unary: number[] = [];
  const firstChunk: number[] = [];
  const streamed: number[] = [];
  let same = true;
  for (let round = 0; round < 20; round++) {
    for (const question of QUESTIONS) {
      const asked = message("user", question);
      const expected = text(await docs.process(asked));
      let start = performance.now();
      const answer = await target.process(asked);
      unary.push(performance.now() - start);

      start = performance.now();
      const chunks = [];
      for await (const chunk of target.stream(asked)) {
        if (chunks.length === 0) firstChunk.push(performance.now() - start);
        chunks.push(text(chunk));
      }
      streamed.push(performance.now() - start);
      same &&= text(answer) === expected && chunks.join("\n\n") === expected;
    }
  }
  return {
    transport,
    "unary ms": median(unary),
    "first chunk ms": median(firstChunk),
    "stream ms": median(streamed),
    same: same ? "yes" : "no",
  };
}

function median(values: number[]): number {
  values.sort((a, b) => a - b);
  return Math.round(values[values.length >> 1]! * 1000) / 1000;
}

function shorten(value: string): string {
  const lines = value.split("\n").slice(0, 12);
  return lines.length < value.split("\n").length ? `${lines.join("\n")}\n…` : value;
}

function indent(value: string): string {
  return value.replace(/^/gm, "   ");
}
