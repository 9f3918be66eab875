import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { message, type StreamingAgent } from "../../mod.ts";
import { serve } from "../../src/serve/mod.ts";
import { grpcAgent } from "../../src/transport/grpc/mod.ts";
import { httpAgent } from "../../src/transport/http/mod.ts";
import { http2Agent, http2Fetch } from "../../src/transport/http2/mod.ts";
import { rpcAgent } from "../../src/transport/rpc/mod.ts";
import { socketAgent } from "../../src/transport/socket/mod.ts";
import { webSocketAgent } from "../../src/transport/websocket/mod.ts";
import { echoInChunks, firstChunk } from "./echo.ts";
import { http3Pair } from "./rpc_pairs.ts";
import { type Group, repeat, repeatAtOnce } from "./suite.ts";

const SIZES = { "100 B": 100, "10 KB": 10_000, "1 MB": 1_000_000 } as const;
const AT_ONCE = [10, 50, 100];
const CHUNKS = 50;

async function clients(): Promise<Record<string, StreamingAgent>> {
  const unix = join(mkdtempSync(join(tmpdir(), "agenkit-bench-")), "agents.sock");
  const { url, endpoints, port } = await serve(echoInChunks(CHUNKS), {
    port: 0,
    grpc: { port: 0 },
    tcp: 0,
    unix,
  });
  const shared = await serve(echoInChunks(CHUNKS), { port: 0, grpc: "shared" });
  const at = (scheme: string) => endpoints.find((found) => found.startsWith(scheme))!;
  const fetch2 = http2Fetch();
  return {
    "HTTP/1.1": httpAgent(url),
    "HTTP/1.1, one port for all": httpAgent(shared.url),
    "HTTP/2 (h2c)": http2Agent(url),
    gRPC: grpcAgent(at("grpc:")),
    "gRPC, one port for all": grpcAgent(shared.url),
    "Connect, HTTP/1.1": rpcAgent(url),
    "Connect, HTTP/2": rpcAgent(url, { fetch: fetch2 }),
    "gRPC-Web, HTTP/1.1": rpcAgent(url, { protocol: "grpc-web" }),
    WebSocket: webSocketAgent(`ws://127.0.0.1:${port}/ws`),
    TCP: socketAgent(at("tcp:")),
    Unix: socketAgent(`unix://${unix}`),
  };
}

async function groups(): Promise<Group[]> {
  const remotes = Object.entries(await clients());
  const http3 = await http3Pair();
  const found: Group[] = [];
  const add = (
    name: string,
    calls: number,
    row: (remote: StreamingAgent) => () => Promise<unknown>,
    overHttp3: (pair: NonNullable<typeof http3>) => Promise<unknown>,
  ) =>
    found.push({
      name: `transports/${name}`,
      calls,
      rows: {
        ...Object.fromEntries(remotes.map(([label, remote]) => [label, row(remote)])),
        ...(http3 === undefined ? undefined : { [http3.name]: () => overHttp3(http3) }),
      },
    });

  for (const [label, size] of Object.entries(SIZES)) {
    const request = message("user", "x".repeat(size));
    const calls = size > 100_000 ? 3 : 50;
    add(
      `unary, ${label}, 1 at once`,
      calls,
      (remote) => repeat(calls, () => remote.process(request)),
      (pair) => pair.unary(calls, 1, size),
    );
  }
  const request = message("user", "x".repeat(100));
  for (const atOnce of AT_ONCE) {
    add(
      `unary, 100 B, ${atOnce} at once`,
      2 * atOnce,
      (remote) => repeatAtOnce(2 * atOnce, atOnce, () => remote.process(request)),
      (pair) => pair.unary(2 * atOnce, atOnce),
    );
  }
  const long = message("user", "x".repeat(5_000));
  add(
    `stream of ${CHUNKS} chunks, 5 KB`,
    5,
    (remote) =>
      repeat(5, async () => {
        for await (const _ of remote.stream(long));
      }),
    (pair) => pair.stream(5, CHUNKS),
  );
  add(
    "first chunk of a stream, which is left then",
    5,
    (remote) => repeat(5, () => firstChunk(remote, long)),
    (pair) => pair.stream(5, CHUNKS, true),
  );
  return found;
}

/** What `deno task bench` measures of all transports in one table. */
export const GROUPS: readonly Group[] = await groups();
