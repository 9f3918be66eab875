import { agent, message, text } from "../../mod.ts";
import { serve } from "../../src/serve/mod.ts";
import { grpcAgent } from "../../src/transport/grpc/mod.ts";
import { goPair, pythonPair } from "./rpc_pairs.ts";
import { connectNodeFloor, grpcJsFloor } from "./rpc_floor.ts";
import { type Group, repeatAtOnce, type Row } from "./suite.ts";

const CHUNKS = 50;
const AT_ONCE = [1, 50];
const UNARY = "x".repeat(100);
const STREAM = "x".repeat(5_000);

const echo = agent({
  name: "echo",
  process: (m) => text(m),
  async *stream(m) {
    const content = text(m);
    const size = content.length / CHUNKS;
    for (let i = 0; i < CHUNKS; i++) yield content.slice(i * size, (i + 1) * size);
  },
});

async function groups(): Promise<Group[]> {
  const node = await connectNodeFloor(CHUNKS);
  const js = await grpcJsFloor(CHUNKS);
  const server = await serve(echo, { port: 0, grpc: { port: 0 } });
  const remote = grpcAgent(server.endpoints.find((url) => url.startsWith("grpc:"))!);
  const others = [await goPair(), await pythonPair()].filter((pair) => pair !== undefined);
  const stream = async () => {
    let length = 0;
    for await (const chunk of remote.stream(message("user", STREAM))) length += text(chunk).length;
    return length;
  };
  const found: Group[] = [];
  for (const atOnce of AT_ONCE) {
    const unary = 100 * Math.max(1, Math.floor(atOnce / 10));
    found.push({
      name: `rpc/unary, 100 B, ${atOnce} at once`,
      calls: unary,
      rows: {
        "connect-node": repeatAtOnce(unary, atOnce, () => node.process(UNARY)),
        "grpc-js": repeatAtOnce(unary, atOnce, () => js.process(UNARY)),
        agenkit: repeatAtOnce(unary, atOnce, () => remote.process(message("user", UNARY))),
        ...Object.fromEntries(
          others.map(({ name, unary: run }): [string, Row] => [name, () => run(unary, atOnce)]),
        ),
      },
    });
  }
  const streams = 10;
  found.push({
    name: `rpc/stream of ${CHUNKS} chunks, 5 KB, 1 at once`,
    calls: streams,
    rows: {
      "connect-node": repeatAtOnce(streams, 1, () => node.stream(STREAM)),
      "grpc-js": repeatAtOnce(streams, 1, () => js.stream(STREAM)),
      agenkit: repeatAtOnce(streams, 1, stream),
      ...Object.fromEntries(
        others.map(({ name, stream: run }): [string, Row] => [name, () => run(streams, CHUNKS)]),
      ),
    },
  });
  return found;
}

/** What `deno task bench` measures of gRPC, beside the libraries for it. */
export const GROUPS: readonly Group[] = await groups();
